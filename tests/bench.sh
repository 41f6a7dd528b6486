#!/usr/bin/env bash
# The benches: what functions cost (divan), what the dashboard weighs, what a running daemon costs (load).
# Ends with one table of figure, promise, and ok or MISSED; exit 1 when a promise is missed.
set -euo pipefail
cd "$(dirname "$0")/.."
export NO_COLOR=1
out=target/bench
mkdir -p "$out"

deploy/build.sh jarvisd jarvis-sim jarvis-tests

echo
echo "== functions"
cargo bench --locked --workspace --bench '*' 2>&1 |
    grep -vE '^ *(Compiling|Running|Finished|Downloaded|Downloading)' | tee "$out/functions.txt"

echo
echo "== the dashboard's weight"
# Over its budget it is in the table as missed; the rest is measured all the same.
npm --prefix dashboard run --silent size | tee "$out/dashboard.txt" || weight=1

echo
echo "== a running daemon"
target/release/load --functions "$out/functions.txt" --dashboard "$out/dashboard.txt" || missed=$?
exit "${missed:-${weight:-0}}"
