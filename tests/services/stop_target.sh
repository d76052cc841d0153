#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Stops what the start scripts recorded in RUN_DIR, each process by pid and start time.
#
#   stop_target.sh [--purge] [NAME...]     NAME as in RUN_DIR/NAME.pid, e.g. milvus-19530; default: all
#
# --purge ends fast and, without a NAME, also removes RUN_DIR (data and logs). TARGET_HOME stays.
. "$(dirname "$0")/common.sh"
PURGE=0
[ "${1:-}" = --purge ] && { PURGE=1; shift; }
[ -d "$RUN_DIR" ] || exit 0
NAMES=("$@")
[ $# -gt 0 ] || for file in "$RUN_DIR"/*.pid; do [ -e "$file" ] && NAMES+=("$(basename "$file" .pid)"); done

# Milvus does not end on SIGTERM while a collection is loaded, but within two seconds after a release, 2.2 within ten.
release_collections() { # release_collections PORT
  timeout 20 "$TARGET_HOME/milvus/bin/python" -W ignore - "$1" "$RUN_DIR/milvus-$1-tls" >/dev/null 2>&1 <<'PY'
import os, sys
from pymilvus import Collection, connections, db, utility

tls, certs = {}, sys.argv[2]
if os.path.exists(certs):
    files = {"ca_pem_path": "ca.pem", "client_pem_path": "client.pem", "client_key_path": "client-key.pem"}
    tls = {key: f"{certs}/{name}" for key, name in files.items()} | {"secure": True, "server_name": "localhost"}
for credentials in ({}, dict(user="root", password="Milvus")):
    try:
        connections.connect(host="127.0.0.1", port=sys.argv[1], timeout=5, **credentials, **tls)
        for database in db.list_database():
            db.using_database(database)
            for name in utility.list_collections(timeout=5):
                Collection(name).release(timeout=5)
        break
    except Exception:
        connections.disconnect("default")
PY
}

grace() { [ $PURGE = 1 ] && echo 1 || echo "$1"; }

CODE=0
# Milvus first: it writes to the S3 server until it has ended.
for name in ${NAMES[@]+"${NAMES[@]}"}; do
  [[ $name == milvus-* ]] || continue
  [ $PURGE = 0 ] && is_running "$name" && release_collections "${name#milvus-}"
  stop_one "$name" "$(grace "${MILVUS_GRACE:-15}")" || CODE=1
done
for name in ${NAMES[@]+"${NAMES[@]}"}; do
  [[ $name == milvus-* ]] && continue
  # SeaweedFS needs about eleven seconds to end cleanly.
  stop_one "$name" "$(grace 15)" || CODE=1
done
[ $PURGE = 1 ] && [ $# = 0 ] && [ $CODE = 0 ] && rm -rf -- "$RUN_DIR"
exit $CODE
