#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Takes examples/audit.png anew: the first screen of the page of an audit of a fixture.
# Needs a built m2m, and what tests/services/install_browser.sh needs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
PROJECT=$PWD
M2M=$(realpath "${CARGO_TARGET_DIR:-target}/debug/m2m")
SETTINGS=$(tests/services/install_browser.sh)
M2M_TEST_CHROMIUM=$(sed -n 's/^CHROMIUM=//p' <<<"$SETTINGS")
M2M_TEST_BROWSER_MODULES=$(sed -n 's/^BROWSER_MODULES=//p' <<<"$SETTINGS")
export M2M_TEST_CHROMIUM M2M_TEST_BROWSER_MODULES
WORK=$(mktemp -d "${TMPDIR:-/tmp}/m2m-picture.XXXXXX")
trap 'rm -rf "$WORK"' EXIT
tar -xJf tests/fixtures/install-1.1.1.tar.xz -C "$WORK"
cd "$WORK"
# Exit code 3 says that the audit has something to show.
"$M2M" audit --install install-1.1.1 --format html -o audit.html || [ $? = 3 ]
node "$PROJECT/tests/tools/look_at_page.mjs" --screenshot "$PROJECT/examples/audit.png" audit.html
