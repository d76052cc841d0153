#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# From a clone to a migrated, verified collection: builds m2m, starts a Milvus
# 2.3.5 and an S3 server on this machine, unpacks a Milvus 1.1.1 installation,
# looks at it with SQL, migrates it, verifies it, asks Milvus for neighbours,
# and stops what it started.
# Needs Rust, Python 3.11 and, for what is missing, apt. Can be run again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
SERVICES=$PWD/tests/services
MILVUS_PORT=${MILVUS_PORT:-39530} S3_PORT=${S3_PORT:-39333}

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
show() { printf '\033[2m$ %s\033[0m\n' "$*"; "$@"; }
need() { # need COMMAND DEBIAN_PACKAGE
  command -v "$1" >/dev/null && return
  echo "installing $2"
  { apt-get update -qq && apt-get install -y -qq "$2"; } >/dev/null || {
    echo "error: \`$1\` is missing and cannot be installed: install the Debian package $2" >&2
    exit 1
  }
}
need curl curl
need xz xz-utils
need cc build-essential

say "Building m2m (about 7 minutes on two cores the first time)"
cargo build --locked
PATH=${CARGO_TARGET_DIR:-$PWD/target}/debug:$PATH

say "Starting Milvus 2.3.5 and an S3 server (about a minute the first time)"
WORK=$(mktemp -d "${TMPDIR:-/tmp}/m2m-demo.XXXXXX")
export RUN_DIR=$WORK/run
stop() {
  say "Stopping what was started"
  "$SERVICES/stop_target.sh" --purge || true
  rm -rf "$WORK"
}
trap stop EXIT
BUCKET=m2m-demo "$SERVICES/start_milvus_s3.sh" "$MILVUS_PORT" "$S3_PORT" | tee "$WORK/settings"
PYTHON=$(sed -n 's/^MILVUS_PYTHON=//p' "$WORK/settings" | tail -n 1)

say "Unpacking a Milvus 1.1.1 installation"
tar -xJf tests/fixtures/install-1.1.1.tar.xz -C "$WORK"
INSTALL=$WORK/install-1.1.1
export M2M_INSTALL=$INSTALL

say "Looking before moving: what is there?"
show m2m sql -f sql/inspect/collections.sql
show m2m sql "SELECT count(*) FROM float_l2"
show m2m sql "SELECT partition_tag, count(*) AS rows FROM ip_parts GROUP BY partition_tag ORDER BY rows DESC"
show m2m sql -f sql/inspect/deletes.sql
show m2m sql "SELECT id, vector FROM indexed_l2 ORDER BY id LIMIT 3"

say "Planning: what would arrive, and as what"
export M2M_S3_ACCESS_KEY=minioadmin M2M_S3_SECRET_KEY=minioadmin
TARGET=(--s3-endpoint "127.0.0.1:$S3_PORT" --milvus "127.0.0.1:$MILVUS_PORT")
show m2m plan --col ip_parts,bin_tanimoto --milvus "127.0.0.1:$MILVUS_PORT"

say "Migrating it"
show m2m migrate --out s3://m2m-demo/from-1x "${TARGET[@]}"

say "Migrating a part of it, under another name and with one more field"
show m2m migrate --out s3://m2m-demo/even "${TARGET[@]}" --as ip_even \
  --query "SELECT id, vector, partition_tag, id / 2 AS half FROM ip_parts WHERE id % 2 = 0"

say "Verifying again, every row of the sample bit for bit"
show m2m verify --milvus "127.0.0.1:$MILVUS_PORT" --sample 5000

say "Asking Milvus 2.x"
"$PYTHON" -W ignore examples/ask_milvus.py "127.0.0.1:$MILVUS_PORT" indexed_l2
say "Done: everything was moved and verified"
