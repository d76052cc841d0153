#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Starts Milvus standalone on 127.0.0.1:BASE..BASE+11 and prints KEY=VALUE lines once it answers.
#
#   start_milvus.sh [BASE_PORT [DATA_DIR]]      default: 19530, RUN_DIR/milvus-data-BASE_PORT
#
# MILVUS_VERSION   2.3.5 (default) or 2.2.16, whose build cannot use S3 storage
# AUTH=1           authorization on: user root, password Milvus
# TLS=1            calls are encrypted, and clients must show a certificate; the files are below RUN_DIR
# MILVUS_SET       more settings: "key=value key=value"
# TARGET_HOME, RUN_DIR, START_TIMEOUT: see common.sh
. "$(dirname "$0")/common.sh"
BASE=${1:-19530}
DATA=${2:-$RUN_DIR/milvus-data-$BASE}
NAME=milvus-$BASE
is_running "$NAME" && die "$NAME is already running: stop_target.sh stops it"
need_ports $(seq "$BASE" $((BASE + 11)))
# pymilvus 2.3 needs marshmallow < 4 and setuptools < 81 and does not say so.
venv milvus "milvus==$DEFAULT_MILVUS" "$PYMILVUS_PKG" 'marshmallow<4' 'setuptools<81' numpy pyarrow duckdb
PYTHON=$TARGET_HOME/milvus/bin/python
# Servers of other versions are asked by the same client, so their environments hold nothing else.
VERSION=${MILVUS_VERSION:-$DEFAULT_MILVUS}
SERVER=$TARGET_HOME/milvus
[ "$VERSION" = "$DEFAULT_MILVUS" ] || { SERVER=$TARGET_HOME/milvus-$VERSION && venv "milvus-$VERSION" "milvus==$VERSION"; }
mkdir -p "$RUN_DIR" "$DATA"

set -- --data "$DATA" --bin-cache "$TARGET_HOME/milvus-bin" --base-port "$BASE"
[ "${AUTH:-0}" = 1 ] && set -- "$@" --set authorization_enabled=true
CERTS=$RUN_DIR/$NAME-tls
if [ "${TLS:-0}" = 1 ]; then
  make_certificates "$CERTS"
  set -- "$@" --set tls_mode=2 --set server_pem_path="$CERTS/server.pem" --set server_key_path="$CERTS/server-key.pem" \
    --set ca_pem_path="$CERTS/ca.pem"
else
  rm -rf -- "$CERTS"
fi
for pair in ${MILVUS_SET:-}; do set -- "$@" --set "$pair"; done
trap 'stop_one "$NAME" 2; exit 130' INT TERM
setsid "$SERVER/bin/python" "$HERE/launch_milvus.py" "$@" >"$RUN_DIR/$NAME.log" 2>&1 </dev/null &
record "$NAME" $!
wait_http_ok "$NAME" $((BASE + 9)) /healthz "$START_TIMEOUT"
case $? in
1) WHY="is not healthy after ${START_TIMEOUT} s" ;;
2) WHY="ended at its start" ;;
esac
if [ "${WHY:-}" ]; then
  tail -n 20 "$RUN_DIR/$NAME.log" >&2
  stop_one "$NAME" 2
  die "Milvus $WHY: see $RUN_DIR/$NAME.log"
fi
# The health check passes a moment before calls are answered.
timeout 60 "$PYTHON" -W ignore - "$BASE" "${AUTH:-0}" "$CERTS" <<'PY' >&2 || { stop_one "$NAME" 2; die "Milvus does not answer calls"; }
import os, sys, time
from pymilvus import connections, utility

port, auth, certs = sys.argv[1:4]
credentials = dict(user="root", password="Milvus") if auth == "1" else {}
if os.path.exists(certs):
    files = {"ca_pem_path": "ca.pem", "client_pem_path": "client.pem", "client_key_path": "client-key.pem"}
    credentials.update({key: f"{certs}/{name}" for key, name in files.items()}, secure=True, server_name="localhost")
end = time.time() + 50
while True:
    try:
        connections.connect(host="127.0.0.1", port=port, timeout=5, **credentials)
        version = utility.get_server_version()
        break
    except Exception:
        if time.time() > end:
            raise
        time.sleep(0.5)
print(f"[services] Milvus {version} on 127.0.0.1:{port}")
PY
[ "${TLS:-0}" = 1 ] && SCHEME=https || SCHEME=http
echo "MILVUS_URI=$SCHEME://127.0.0.1:$BASE"
echo "MILVUS_DATA=$DATA"
echo "MILVUS_STORAGE=${MILVUS_STORAGE:-local}"
echo "MILVUS_PYTHON=$PYTHON"
[ "${TLS:-0}" = 1 ] && printf 'MILVUS_TLS_CA=%s\nMILVUS_TLS_CERT=%s\nMILVUS_TLS_KEY=%s\n' "$CERTS/ca.pem" "$CERTS/client.pem" "$CERTS/client-key.pem"
[ "${AUTH:-0}" = 1 ] && printf 'MILVUS_USER=root\nMILVUS_PASSWORD=Milvus\n'
exit 0
