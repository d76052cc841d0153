#!/usr/bin/env bash
# Builds the fuzz targets and runs each for some seconds; prints what it did as a table.
#   run.sh [SECONDS [TARGET…]]     60 seconds and all targets unless named
#   ENGINE=1      the targets that link DataFusion too: the first build takes an hour on two cores
#   SANITIZER=    none unless named; our code forbids `unsafe`, so `address` looks at what it links
#   BUILD=no      run what was built before
#   FUZZ_DIR=     where the build, the growing corpora and the finds are kept
# Needs a nightly toolchain and `cargo install cargo-fuzz`. Ends with 1 when something was found.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
TIME=${1:-60}
shift || true
FUZZ_DIR=${FUZZ_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/m2m-fuzz}
export CARGO_TARGET_DIR=$FUZZ_DIR/target
# Databases are written for each input: in memory where there is such a place.
[ -w /dev/shm ] && export TMPDIR=/dev/shm

LIGHT=(bloom_filter configuration deleted_docs log meta_file meta_json meta_rows milvus_address mysql_address names segment
  storage_location vectors wal)
HEAVY=(manifest npy npz)
targets=("$@")
[ ${#targets[@]} -gt 0 ] || { targets=("${LIGHT[@]}"); [ "${ENGINE:-}" = 1 ] && targets+=("${HEAVY[@]}"); }
features=()
for target in "${targets[@]}"; do
  case " ${HEAVY[*]} " in *" $target "*) features=(--features engine) ;; esac
done

options=(--fuzz-dir . -s "${SANITIZER:-none}" "${features[@]}")
if [ "${BUILD:-}" = no ]; then
  :
elif [ $# -gt 0 ]; then
  for target in "${targets[@]}"; do cargo +nightly fuzz build "${options[@]}" "$target"; done
else
  cargo +nightly fuzz build "${options[@]}"
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
found=0
printf '%-18s %12s %8s %8s %6s\n' target executions seconds corpus finds
for target in "${targets[@]}"; do
  corpus=$FUZZ_DIR/corpus/$target finds=$FUZZ_DIR/finds/$target
  mkdir -p "$corpus" "$finds"
  began=$SECONDS
  # What runs longer than ten seconds or takes 2 GiB is a find too.
  "$CARGO_TARGET_DIR/x86_64-unknown-linux-gnu/release/$target" "$corpus" "seeds/$target" -artifact_prefix="$finds/" \
    -max_total_time="$TIME" -timeout=10 -rss_limit_mb=2048 -max_len=16384 -print_final_stats=1 >"$log" 2>&1 || true
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  new=$(find "$finds" -type f | wc -l)
  printf '%-18s %12s %8s %8s %6s\n' "$target" "${executions:-?}" $((SECONDS - began)) "$(find "$corpus" -type f | wc -l)" "$new"
  if [ "$new" -gt 0 ] || [ -z "$executions" ]; then
    found=1
    grep -aE "panicked|ERROR|SUMMARY|Test unit written" "$log" | sed 's/^/    /' || tail -n 5 "$log"
  fi
done
exit $found
