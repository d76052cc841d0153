#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Starts fake-gcs-server, which speaks Google Cloud Storage's JSON and XML APIs and asks for no credentials, on
# 127.0.0.1:PORT, makes BUCKET, and prints KEY=VALUE lines. When it is already running, only makes the bucket.
# Its data is in memory: it ends with the server.
#
#   start_fake_gcs.sh [PORT]                    default: 34443
#
# BUCKET           default m2m-gcs
# TARGET_HOME, RUN_DIR, START_TIMEOUT: see common.sh
set -euo pipefail
. "$(dirname "$0")/common.sh"
PORT=${1:-34443}
NAME=fake-gcs-$PORT
BUCKET=${BUCKET:-m2m-gcs}
venv fake-gcs "$FAKE_GCS_PKG"
mkdir -p "$RUN_DIR"

if ! is_running "$NAME"; then
  need_ports "$PORT"
  # The package's own launcher is not used, because the process must be the server itself.
  SERVER=$(find "$TARGET_HOME/fake-gcs/lib" -path '*/vendor/fake-gcs-server/bin/fake-gcs-server-linux-amd64')
  [ -x "$SERVER" ] || die "$FAKE_GCS_PKG has no server for linux on x86_64"
  launch "$NAME" "$SERVER" -scheme http -host 127.0.0.1 -port "$PORT" -backend memory -public-host "127.0.0.1:$PORT" -external-url "http://127.0.0.1:$PORT"
fi
wait_http_ok "$NAME" "$PORT" /_internal/healthcheck "$START_TIMEOUT" || fail "$NAME" "does not answer"
timeout 20 python3 - "http://127.0.0.1:$PORT/storage/v1/b" "$BUCKET" <<'PY' >&2 || fail "$NAME" "does not make bucket $BUCKET"
import json, sys, urllib.error, urllib.request

url, bucket = sys.argv[1:3]
# A proxy of the environment is not asked for a server on this machine.
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
body = json.dumps({"name": bucket}).encode()
try:
    opener.open(urllib.request.Request(f"{url}?project=m2m", data=body, headers={"Content-Type": "application/json"}), timeout=5).read()
except urllib.error.HTTPError as error:
    if error.code != 409:
        raise
PY
note "GCS on 127.0.0.1:$PORT, bucket $BUCKET"
echo "GCS_ENDPOINT=http://127.0.0.1:$PORT"
echo "GCS_BUCKET=$BUCKET"
