#!/usr/bin/env bash
# Measures m2m beside its peers and writes the figures into RESULTS.md, beside this file.
#   benches/run.sh [GROUP…]     the groups of suite.rs; default: all of them. `cluster` alone goes into CLUSTER.md, other profiles into files of their names
#   PROFILE=release|dev         default release, whose first build takes half an hour on two cores
# The variables of suite.rs say how much is measured, and of another tool that takes part.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
SERVICES=$PWD/tests/services
MILVUS_PORT=${MILVUS_PORT:-27530} S3_PORT=${S3_PORT:-27333}

RUN_DIR=$(mktemp -d "${TMPDIR:-/tmp}/m2m-bench.XXXXXX")
export RUN_DIR
stop() { "$SERVICES/stop_target.sh" --purge || true; }
trap stop EXIT

export S3_ACCESS_KEY=m2m-bench-access S3_SECRET_KEY=m2m-bench-secret
BUCKET=m2m-bench "$SERVICES/start_milvus_s3.sh" "$MILVUS_PORT" "$S3_PORT" >"$RUN_DIR/settings"
M2M_BENCH_PYTHON=$(sed -n 's/^MILVUS_PYTHON=//p' "$RUN_DIR/settings" | tail -n 1)
export M2M_BENCH_PYTHON M2M_BENCH_BUCKET=m2m-bench
export M2M_MILVUS=http://127.0.0.1:$MILVUS_PORT
export M2M_S3_ENDPOINT=http://127.0.0.1:$S3_PORT M2M_S3_REGION=us-east-1
export M2M_S3_ACCESS_KEY=$S3_ACCESS_KEY M2M_S3_SECRET_KEY=$S3_SECRET_KEY
FILE=RESULTS.md
[ "$*" = cluster ] && FILE=CLUSTER.md
PROFILE=${PROFILE:-release}
[ "$PROFILE" != release ] && FILE=${FILE%.md}-$PROFILE.md
export M2M_BENCH_WRITE=${M2M_BENCH_WRITE:-$PWD/benches/$FILE}

# The suite itself is built as the tests are; what it measures, as it is asked to be.
if [ "$PROFILE" != dev ]; then
  cargo build --workspace --profile "$PROFILE" --locked --features ballista
  export M2M_BENCH_M2M=${CARGO_TARGET_DIR:-$PWD/target}/$PROFILE/m2m
fi
cargo bench --profile dev --locked --all-features --bench suite -- "$@"
