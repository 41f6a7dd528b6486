#!/usr/bin/env bash
# Everything on loopback with a simulated cluster: installs what is missing, builds, starts, prints one URL
# and the log-in, and stops it all on Ctrl-C or TERM. Options are passed on: deploy/demo/run.mjs --help
set -euo pipefail
cd "$(dirname "$0")/.."

for word in "$@"; do
    if [ "$word" = --help ]; then exec node deploy/demo/run.mjs --help; fi
done
deploy/install.sh nginx sshd setpriv flock

mkdir -p target/demo
exec 9>target/demo/lock
if ! flock -n 9; then
    echo "The demo is already running in this checkout: $(sed -n 's/.*"url": *"\([^"]*\)".*/\1/p' target/demo/access.json 2>/dev/null || true)" >&2
    echo "Stop it with Ctrl-C in its terminal, or: kill $(cat target/demo/pid 2>/dev/null || echo PID)" >&2
    exit 1
fi
# Should make or the terminal die without a word, the kernel tells the next one in the chain.
setpriv --pdeathsig TERM -- deploy/build.sh
exec setpriv --pdeathsig TERM -- node deploy/demo/run.mjs "$@"
