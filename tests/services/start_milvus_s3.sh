#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Starts what a migration needs: an S3 server, and a Milvus that keeps its data in a bucket of it and
# bulk-inserts from the same bucket. Prints the KEY=VALUE lines of both. A running S3 server is used again.
#
#   start_milvus_s3.sh [MILVUS_BASE_PORT [S3_PORT]]     default: 19530 19333
#
# ROOT_PATH        folder of Milvus' own files in the bucket (default files)
# Always Milvus 2.3.5.
# AUTH, BUCKET, S3_ACCESS_KEY, S3_SECRET_KEY, MILVUS_SET: see start_milvus.sh and start_s3.sh
. "$(dirname "$0")/common.sh"
BASE=${1:-19530}
S3_PORT=${2:-19333}
export BUCKET=${BUCKET:-m2m-bucket} S3_ACCESS_KEY=${S3_ACCESS_KEY:-minioadmin} S3_SECRET_KEY=${S3_SECRET_KEY:-minioadmin}
is_running "s3-$S3_PORT" && S3_WAS_RUNNING=1 || S3_WAS_RUNNING=0
"$HERE/start_s3.sh" "$S3_PORT" || exit 1
MILVUS_STORAGE=s3 MILVUS_SET="common.storageType=minio minio.address=127.0.0.1 minio.port=$S3_PORT minio.bucketName=$BUCKET minio.rootPath=${ROOT_PATH:-files} minio.accessKeyID=$S3_ACCESS_KEY minio.secretAccessKey=$S3_SECRET_KEY ${MILVUS_SET:-}" \
  "$HERE/start_milvus.sh" "$BASE" || {
  [ $S3_WAS_RUNNING = 0 ] && stop_one "s3-$S3_PORT" 3
  exit 1
}
