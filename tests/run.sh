#!/usr/bin/env bash
# Installs what the tests need, starts the servers they talk to, and runs every
# check of the project:
#   formatting, lints, documentation, dependency policy, unit and integration
#   tests against real servers (Milvus 2.3.5 and 2.2.16, S3, MariaDB, Azurite, an emulator
#   of Google Cloud Storage) and in a real browser, a benchmark's dry run.
# Needs Rust, Python 3.11 and, for what is missing, apt. Can be run again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
SERVICES=$PWD/tests/services

step() { printf '\n== %s (%s s)\n' "$1" "$SECONDS"; }

need() { # need COMMAND DEBIAN_PACKAGE
  command -v "$1" >/dev/null && return
  echo "installing $2"
  { apt-get update -qq && apt-get install -y -qq "$2"; } >/dev/null || {
    echo "error: \`$1\` is missing and cannot be installed: install the Debian package $2" >&2
    exit 1
  }
}

step "tools"
need curl curl
need xz xz-utils
need cc build-essential
need python3 python3
need tmux tmux
command -v cargo >/dev/null || { echo "error: Rust is missing: see https://rustup.rs" >&2; exit 1; }
cargo fmt --version >/dev/null && cargo clippy --version >/dev/null || {
  echo "error: rustfmt or clippy is missing: rustup component add rustfmt clippy" >&2
  exit 1
}

step "formatting"
cargo fmt --all --check

step "servers"
RUN_DIR=$(mktemp -d "${TMPDIR:-/tmp}/m2m-test.XXXXXX")
export RUN_DIR
stop() { "$SERVICES/stop_target.sh" --purge || true; }
trap stop EXIT
# Other ports than the scripts' defaults, so that a server that runs already is left alone.
MILVUS_PORT=${MILVUS_PORT:-29530} AUTH_PORT=${AUTH_PORT:-29630} LOCAL_PORT=${LOCAL_PORT:-29730} OLD_PORT=${OLD_PORT:-29830} TLS_PORT=${TLS_PORT:-29930} S3_PORT=${S3_PORT:-29333}
MARIADB_PORT=${MARIADB_PORT:-23306} AZURITE_PORT=${AZURITE_PORT:-21000} MOTO_PORT=${MOTO_PORT:-25000} MOTO_TLS_PORT=${MOTO_TLS_PORT:-25001} GCS_PORT=${GCS_PORT:-24443}
export S3_ACCESS_KEY=m2m-test-access S3_SECRET_KEY=m2m-test-secret-do-not-print
export S3_READONLY_ACCESS_KEY=m2m-test-reader S3_READONLY_SECRET_KEY=m2m-test-reading-do-not-print
settings() { sed -n "s/^$1=//p" "$RUN_DIR/settings" | tail -n 1; }
{
  BUCKET=m2m-test "$SERVICES/start_milvus_s3.sh" "$MILVUS_PORT" "$S3_PORT"
  AUTH=1 BUCKET=m2m-test-auth "$SERVICES/start_milvus_s3.sh" "$AUTH_PORT" "$S3_PORT"
  "$SERVICES/start_milvus.sh" "$LOCAL_PORT"
  MILVUS_VERSION=2.2.16 "$SERVICES/start_milvus.sh" "$OLD_PORT"
  TLS=1 "$SERVICES/start_milvus.sh" "$TLS_PORT"
  "$SERVICES/start_mariadb.sh" "$MARIADB_PORT"
  CONTAINER=m2m-azure "$SERVICES/start_azurite.sh" "$AZURITE_PORT"
  TLS=1 AUTH=0 "$SERVICES/start_moto.sh" "$MOTO_TLS_PORT"
  AUTH=0 "$SERVICES/start_moto.sh" "$MOTO_PORT"
  "$SERVICES/start_fake_gcs.sh" "$GCS_PORT"
  "$SERVICES/install_browser.sh"
} >"$RUN_DIR/settings"
export M2M_TEST_MILVUS=http://127.0.0.1:$MILVUS_PORT
export M2M_TEST_MILVUS_AUTH=http://127.0.0.1:$AUTH_PORT
export M2M_TEST_MILVUS_LOCAL=http://127.0.0.1:$LOCAL_PORT
export M2M_TEST_MILVUS_22=http://127.0.0.1:$OLD_PORT
export M2M_TEST_MILVUS_TLS=https://127.0.0.1:$TLS_PORT
M2M_TEST_MILVUS_TLS_CA=$(settings MILVUS_TLS_CA)
M2M_TEST_MILVUS_TLS_CERT=$(settings MILVUS_TLS_CERT)
M2M_TEST_MILVUS_TLS_KEY=$(settings MILVUS_TLS_KEY)
export M2M_TEST_MILVUS_TLS_CA M2M_TEST_MILVUS_TLS_CERT M2M_TEST_MILVUS_TLS_KEY
export M2M_TEST_S3_ENDPOINT=http://127.0.0.1:$S3_PORT
export M2M_TEST_S3_BUCKET=m2m-test M2M_TEST_S3_BUCKET_AUTH=m2m-test-auth
export M2M_TEST_SECOND_S3=http://127.0.0.1:$MOTO_PORT
export M2M_TEST_TLS_S3=https://127.0.0.1:$MOTO_TLS_PORT
export M2M_TEST_AZURITE=http://127.0.0.1:$AZURITE_PORT
export M2M_TEST_GCS=http://127.0.0.1:$GCS_PORT
export M2M_TEST_MARIADB_PORT=$MARIADB_PORT
M2M_TEST_MARIADB_SOCKET=$(settings MARIADB_SOCKET)
M2M_TEST_MARIADB_CA=$(settings MARIADB_CA)
M2M_TEST_MARIADB_PASSWORD=$(settings MARIADB_PASSWORD)
M2M_TEST_TLS_S3_CA=$(settings MOTO_CA)
M2M_TEST_PYTHON=$(settings MILVUS_PYTHON)
M2M_TEST_CHROMIUM=$(settings CHROMIUM)
M2M_TEST_BROWSER_MODULES=$(settings BROWSER_MODULES)
export M2M_TEST_MARIADB_SOCKET M2M_TEST_MARIADB_CA M2M_TEST_MARIADB_PASSWORD M2M_TEST_TLS_S3_CA M2M_TEST_PYTHON
export M2M_TEST_CHROMIUM M2M_TEST_BROWSER_MODULES

step "dependency policy"
python3 tests/tools/policy.py --self-test
python3 tests/tools/policy.py

step "the checkers see what is wrong"
"$M2M_TEST_PYTHON" tests/tools/self_test.py >/dev/null
"$M2M_TEST_PYTHON" tests/tools/milvus_rows.py --self-test >/dev/null

step "lints"
# With and without what is built on demand; members are built together, so both take the same libraries.
cargo clippy --workspace --locked -- -D warnings
cargo clippy --workspace --all-features --locked -- -D warnings
# Tests may end by a panic, and cut numbers that they chose themselves.
cargo clippy --workspace --all-targets --all-features --locked -- -D warnings -A clippy::unwrap_used -A clippy::expect_used \
  -A clippy::panic -A clippy::print_stdout -A clippy::cast_possible_truncation -A clippy::needless_pass_by_value \
  -A clippy::type_complexity -A clippy::single_range_in_vec_init

step "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --all-features --no-deps --locked --document-private-items

step "tests"
cargo test --workspace --all-features --locked --no-fail-fast

step "benchmark, dry run"
M2M_BENCH_MIB=32 M2M_BENCH_MILVUS_MIB=8 M2M_BENCH_CLUSTER_MIB=64 M2M_BENCH_RUNS=1 M2M_BENCH_PYTHON=$M2M_TEST_PYTHON M2M_BENCH_BUCKET=$M2M_TEST_S3_BUCKET \
  M2M_MILVUS=$M2M_TEST_MILVUS M2M_S3_ENDPOINT=$M2M_TEST_S3_ENDPOINT M2M_S3_REGION=us-east-1 \
  M2M_S3_ACCESS_KEY=$S3_ACCESS_KEY M2M_S3_SECRET_KEY=$S3_SECRET_KEY cargo bench --profile dev --locked --all-features --bench suite

step "all passed"
