#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Starts a second S3 server (moto) on 127.0.0.1:PORT that shares nothing with that of start_s3.sh, makes two buckets
# and two users in it, and prints KEY=VALUE lines. When it is already running, only prints them again.
# Its data is in memory: it ends with the server.
#
#   start_moto.sh [PORT]                        default: 35000
#
# TLS=1            speaks https; MOTO_CA names the file of the authority that signed its certificate
# AUTH=0           every key may do everything; default: keys and signatures are checked, and the read-only user may
#                  only list and read
# TARGET_HOME, RUN_DIR, START_TIMEOUT: see common.sh
set -euo pipefail
. "$(dirname "$0")/common.sh"
PORT=${1:-35000}
NAME=moto-$PORT
SETTINGS=$RUN_DIR/$NAME.settings
venv moto "$MOTO_PKG"
CERTS=$RUN_DIR/$NAME-tls
mkdir -p "$RUN_DIR"
set -- -H 127.0.0.1 -p "$PORT"
ENDPOINT=http://127.0.0.1:$PORT
if [ "${TLS:-0}" = 1 ]; then
  need curl curl
  make_certificates "$CERTS"
  set -- "$@" -c "$CERTS/server.pem" -k "$CERTS/server-key.pem"
  ENDPOINT=https://127.0.0.1:$PORT
  export AWS_CA_BUNDLE=$CERTS/ca.pem
fi

if ! is_running "$NAME"; then
  need_ports "$PORT"
  rm -f "$SETTINGS"
  launch "$NAME" "$TARGET_HOME/moto/bin/python" "$TARGET_HOME/moto/bin/moto_server" "$@"
fi
answers() {
  local end=$((SECONDS + START_TIMEOUT))
  [ "${TLS:-0}" = 1 ] || { wait_http_ok "$NAME" "$PORT" /moto-api/ "$START_TIMEOUT"; return; }
  while [ $SECONDS -lt $end ] && is_running "$NAME"; do
    curl -s -o /dev/null --noproxy '*' --cacert "$CERTS/ca.pem" "$ENDPOINT/moto-api/" && return 0
    sleep 0.3
  done
  return 1
}
answers || fail "$NAME" "does not answer"
if [ ! -e "$SETTINGS" ]; then
  # The server chooses the keys, so they are kept for the next call.
  timeout 60 "$TARGET_HOME/moto/bin/python" "$HERE/prepare_moto.py" "$ENDPOINT" "${AUTH:-1}" m2m-second m2m-slash >"$SETTINGS.new" ||
    fail "$NAME" "does not make its buckets and users"
  mv "$SETTINGS.new" "$SETTINGS"
fi
note "second S3 on 127.0.0.1:$PORT, buckets m2m-second and m2m-slash"
cat "$SETTINGS"
[ "${TLS:-0}" = 0 ] || echo "MOTO_CA=$CERTS/ca.pem"
