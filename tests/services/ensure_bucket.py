#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Waits for an S3 server, makes a bucket when it is missing, and proves with
one small object that it can be written and read.

  ensure_bucket.py ENDPOINT BUCKET      (credentials: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY)
"""

import sys
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

PROBE = ".m2m-probe"


def main():
    endpoint, bucket = sys.argv[1:3]
    config = Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}, connect_timeout=2, read_timeout=5)
    s3 = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", config=config)
    end = time.time() + 100
    while True:
        try:
            return prove(s3, bucket)
        except Exception as error:
            if time.time() > end or is_final(error):
                sys.exit(f"error: {error}")
            time.sleep(0.3)


def is_final(error):
    """What a server that is still starting does not say."""
    codes = ["InvalidBucketName", "InvalidAccessKeyId", "SignatureDoesNotMatch"]
    return isinstance(error, ClientError) and error.response["Error"]["Code"] in codes


def prove(s3, bucket):
    if bucket not in [b["Name"] for b in s3.list_buckets()["Buckets"]]:
        s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key=PROBE, Body=b"x")
    if s3.get_object(Bucket=bucket, Key=PROBE)["Body"].read() != b"x":
        raise OSError(f"bucket {bucket} does not give back what was written")
    s3.delete_object(Bucket=bucket, Key=PROBE)


if __name__ == "__main__":
    main()
