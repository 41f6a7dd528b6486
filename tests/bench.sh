#!/usr/bin/env bash
# The benches, with a table of results: what a function costs (divan) and what a running daemon costs (load).
set -euo pipefail
cd "$(dirname "$0")/.."
deploy/install.sh cc libssl setpriv

echo "== functions"
cargo bench --locked --workspace --bench '*' 2>&1 | grep -vE '^ *(Compiling|Running|Finished|Downloaded|Downloading)'
echo
echo "== a running daemon"
cargo build --release --locked -p jarvisd -p jarvis-sim -p jarvis-tests --bins
[ ! -d dashboard/dist ] || npm --prefix dashboard run --silent size
exec target/release/load "$@"
