#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Starts the blob service of Azurite on 127.0.0.1:PORT, makes CONTAINER, and prints KEY=VALUE lines.
# When it is already running, only makes the container.
#
#   start_azurite.sh [PORT [DATA_DIR]]          default: 31000, RUN_DIR/azurite-data-PORT
#
# CONTAINER        default m2m-test
# TARGET_HOME, RUN_DIR, START_TIMEOUT: see common.sh
set -euo pipefail
. "$(dirname "$0")/common.sh"
PORT=${1:-31000}
DATA=${2:-$RUN_DIR/azurite-data-$PORT}
NAME=azurite-$PORT
CONTAINER=${CONTAINER:-m2m-test}
# The account that every Azurite has; its key is published and opens nothing else.
ACCOUNT=devstoreaccount1
KEY=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==
need node nodejs
need npm npm
npm_install azurite "$AZURITE_PKG"
mkdir -p "$RUN_DIR" "$DATA"

if ! is_running "$NAME"; then
  need_ports "$PORT"
  launch "$NAME" node "$TARGET_HOME/azurite/node_modules/azurite/dist/src/blob/main.js" --blobHost 127.0.0.1 --blobPort "$PORT" \
    --location "$DATA" --skipApiVersionCheck --disableTelemetry --silent
fi
timeout "$START_TIMEOUT" python3 "$HERE/ensure_container.py" "http://127.0.0.1:$PORT/$ACCOUNT" "$ACCOUNT" "$KEY" "$CONTAINER" >&2 ||
  fail "$NAME" "does not serve container $CONTAINER"
note "Azurite on 127.0.0.1:$PORT, container $CONTAINER"
echo "AZURE_ENDPOINT=http://127.0.0.1:$PORT/$ACCOUNT"
echo "AZURE_ACCOUNT=$ACCOUNT"
echo "AZURE_KEY=$KEY"
echo "AZURE_CONTAINER=$CONTAINER"
