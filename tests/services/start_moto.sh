#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Starts a second S3 server (moto) on 127.0.0.1:PORT that shares nothing with that of start_s3.sh, makes two buckets
# and two users in it, and prints KEY=VALUE lines. When it is already running, only prints them again.
# Its data is in memory: it ends with the server.
#
#   start_moto.sh [PORT]                        default: 35000
#
# AUTH=0           every key may do everything; default: keys and signatures are checked, and the read-only user may
#                  only list and read
# TARGET_HOME, RUN_DIR, START_TIMEOUT: see common.sh
set -euo pipefail
. "$(dirname "$0")/common.sh"
PORT=${1:-35000}
NAME=moto-$PORT
SETTINGS=$RUN_DIR/$NAME.settings
venv moto "$MOTO_PKG"
mkdir -p "$RUN_DIR"

if ! is_running "$NAME"; then
  need_ports "$PORT"
  rm -f "$SETTINGS"
  launch "$NAME" "$TARGET_HOME/moto/bin/python" "$TARGET_HOME/moto/bin/moto_server" -H 127.0.0.1 -p "$PORT"
fi
wait_http_ok "$NAME" "$PORT" /moto-api/ "$START_TIMEOUT" || fail "$NAME" "does not answer"
if [ ! -e "$SETTINGS" ]; then
  # The server chooses the keys, so they are kept for the next call.
  timeout 60 "$TARGET_HOME/moto/bin/python" "$HERE/prepare_moto.py" "http://127.0.0.1:$PORT" "${AUTH:-1}" m2m-second m2m-slash >"$SETTINGS.new" ||
    fail "$NAME" "does not make its buckets and users"
  mv "$SETTINGS.new" "$SETTINGS"
fi
note "second S3 on 127.0.0.1:$PORT, buckets m2m-second and m2m-slash"
cat "$SETTINGS"
