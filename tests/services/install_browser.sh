#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs a headless Chromium and what drives it, and prints KEY=VALUE lines. Starts nothing.
#
# TARGET_HOME: see common.sh
set -euo pipefail
. "$(dirname "$0")/common.sh"
need node nodejs
need npm npm
need chromium chromium fonts-liberation fonts-dejavu-core
npm_install browser "$PLAYWRIGHT_PKG" "$AXE_PKG" "$AJV_PKG"
note "$(chromium --version 2>/dev/null)"
echo "CHROMIUM=$(command -v chromium)"
echo "BROWSER_MODULES=$TARGET_HOME/browser/node_modules"
