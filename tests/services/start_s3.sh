#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Starts an S3 server (SeaweedFS) on 127.0.0.1:PORT..PORT+7, makes BUCKET, and prints KEY=VALUE lines.
# When it is already running, only makes the bucket.
#
#   start_s3.sh [PORT [DATA_DIR]]               default: 19333, RUN_DIR/s3-data-PORT
#
# BUCKET           default m2m-bucket
# S3_ACCESS_KEY, S3_SECRET_KEY                  default minioadmin
# S3_READONLY_ACCESS_KEY, S3_READONLY_SECRET_KEY   who may only list and read; default m2m-readonly
# TARGET_HOME, RUN_DIR, START_TIMEOUT: see common.sh
. "$(dirname "$0")/common.sh"
PORT=${1:-19333}
DATA=${2:-$RUN_DIR/s3-data-$PORT}
NAME=s3-$PORT
export AWS_ACCESS_KEY_ID=${S3_ACCESS_KEY:-minioadmin} AWS_SECRET_ACCESS_KEY=${S3_SECRET_KEY:-minioadmin}
READONLY_KEY=${S3_READONLY_ACCESS_KEY:-m2m-readonly} READONLY_SECRET=${S3_READONLY_SECRET_KEY:-m2m-readonly}
BUCKET=${BUCKET:-m2m-bucket}
venv seaweedfs "$WEED_PKG" boto3
mkdir -p "$RUN_DIR" "$DATA"

STARTED=0
if ! is_running "$NAME"; then
  need_ports $(seq "$PORT" $((PORT + 7)))
  (
    umask 077
    printf '{"identities":[{"name":"m2m","credentials":[{"accessKey":"%s","secretKey":"%s"}],"actions":["Admin","Read","Write","List","Tagging"]},{"name":"m2m-readonly","credentials":[{"accessKey":"%s","secretKey":"%s"}],"actions":["Read","List"]}]}\n' \
      "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY" "$READONLY_KEY" "$READONLY_SECRET" >"$RUN_DIR/$NAME.json"
  )
  trap 'stop_one "$NAME" 2; exit 130' INT TERM
  # The server would make an administrator of AWS_* variables that it finds in its environment.
  # Every port is named, because the defaults (8181, 9101, +10000 and others) meet those of other programs.
  setsid env -u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY "$TARGET_HOME/seaweedfs/bin/weed" -logtostderr=true server -dir="$DATA" -ip=127.0.0.1 -ip.bind=127.0.0.1 \
    -master.telemetry=false -master.port=$((PORT + 1)) -master.port.grpc=$((PORT + 2)) \
    -master.volumeSizeLimitMB=128 -volume.max=0 -volume.port=$((PORT + 3)) -volume.port.grpc=$((PORT + 4)) \
    -filer -filer.port=$((PORT + 5)) -filer.port.grpc=$((PORT + 6)) \
    -s3 -s3.port="$PORT" -s3.port.grpc=$((PORT + 7)) -s3.port.iceberg=0 -s3.port.lance=0 -s3.config="$RUN_DIR/$NAME.json" \
    >"$RUN_DIR/$NAME.log" 2>&1 </dev/null &
  record "$NAME" $!
  STARTED=1
fi
if ! timeout "$START_TIMEOUT" "$TARGET_HOME/seaweedfs/bin/python" "$HERE/ensure_bucket.py" "http://127.0.0.1:$PORT" "$BUCKET" >&2; then
  [ $STARTED = 1 ] && tail -n 20 "$RUN_DIR/$NAME.log" >&2 && stop_one "$NAME" 3
  die "the S3 server on port $PORT does not serve bucket $BUCKET: see $RUN_DIR/$NAME.log"
fi
note "S3 on 127.0.0.1:$PORT, bucket $BUCKET"
echo "S3_ENDPOINT=http://127.0.0.1:$PORT"
echo "S3_BUCKET=$BUCKET"
echo "S3_ACCESS_KEY=$AWS_ACCESS_KEY_ID"
echo "S3_SECRET_KEY=$AWS_SECRET_ACCESS_KEY"
echo "S3_REGION=us-east-1"
echo "S3_READONLY_ACCESS_KEY=$READONLY_KEY"
echo "S3_READONLY_SECRET_KEY=$READONLY_SECRET"
