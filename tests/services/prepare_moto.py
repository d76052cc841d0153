#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes buckets and users in a moto server that has just started, proves that
the users may what they may, and prints their keys as KEY=VALUE lines.

  prepare_moto.py ENDPOINT AUTH BUCKET...      AUTH: 1 checks every request from then on
"""

import json
import sys
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

# moto asks for s3:HeadBucket, where S3 itself asks for s3:ListBucket.
USERS = {"m2m": ["s3:*"], "m2m-readonly": ["s3:Get*", "s3:List*", "s3:HeadBucket"]}
PROBE = ".m2m-probe"


def main():
    endpoint, auth, *buckets = sys.argv[1:]
    # Until the checks are switched on, any key will do.
    iam, s3 = (client(kind, endpoint, "any", "any") for kind in ("iam", "s3"))
    for bucket in buckets:
        s3.create_bucket(Bucket=bucket)
    (writer, reader) = (make_user(iam, name, actions) for name, actions in USERS.items())
    if auth == "1":
        switch_checks_on(endpoint)
        prove(client("s3", endpoint, *writer), client("s3", endpoint, *reader), buckets[0])
    print(f"MOTO_ENDPOINT={endpoint}\nMOTO_REGION=us-east-1\nMOTO_BUCKET={buckets[0]}\nMOTO_BUCKET_SLASH={buckets[1]}")
    print(f"MOTO_ACCESS_KEY={writer[0]}\nMOTO_SECRET_KEY={writer[1]}")
    print(f"MOTO_READONLY_ACCESS_KEY={reader[0]}\nMOTO_READONLY_SECRET_KEY={reader[1]}")


def client(kind, endpoint, key, secret):
    # A proxy of the environment is not asked for a server on this machine.
    config = Config(s3={"addressing_style": "path"}, proxies={}, retries={"max_attempts": 1}, connect_timeout=2, read_timeout=10)
    return boto3.client(kind, endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id=key, aws_secret_access_key=secret, config=config)


def make_user(iam, name, actions):
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="s3", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def switch_checks_on(endpoint):
    """The number of further requests that need no permission, as plain text: a form is read as nothing."""
    request = urllib.request.Request(f"{endpoint}/moto-api/reset-auth", data=b"0", headers={"Content-Type": "text/plain"})
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10).read()


def prove(writer, reader, bucket):
    writer.put_object(Bucket=bucket, Key=PROBE, Body=b"x")
    if reader.get_object(Bucket=bucket, Key=PROBE)["Body"].read() != b"x":
        sys.exit("error: the read-only user does not read what was written")
    try:
        reader.delete_object(Bucket=bucket, Key=PROBE)
        sys.exit("error: the read-only user may delete: moto checks nothing")
    except ClientError as error:
        if error.response["Error"]["Code"] != "AccessDenied":
            raise
    writer.delete_object(Bucket=bucket, Key=PROBE)


if __name__ == "__main__":
    main()
