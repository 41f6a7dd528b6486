#!/usr/bin/env bash
# Builds the release binaries and the dashboard, saying how far it is and how long it took.
# build.sh [BINARY …]: only these binaries (default: jarvisd and jarvis-sim).
set -euo pipefail
cd "$(dirname "$0")/.."

need() { command -v "$1" >/dev/null 2>&1 || { printf 'missing: %s. %s\n' "$1" "$2" >&2; exit 1; }; }
need cargo "Install Rust 1.95 or newer (https://rustup.rs), then run the command again."
need node "Install Node 20.19 or newer (https://nodejs.org), then run the command again."
need npm "It comes with Node: install Node 20.19 or newer, then run the command again."
deploy/install.sh cc libssl setpriv

# What runs for minutes ends when this script ends.
with_us() { setpriv --pdeathsig TERM -- "$@"; }

packages=("${@:-}")
[ -n "${packages[0]}" ] || packages=(jarvisd jarvis-sim)
began=$SECONDS
step() { printf '\n== %s (after %d s)\n' "$1" $((SECONDS - began)); }

if [ ! -x target/release/jarvisd ]; then
    echo "First build: some 15 minutes on two cores, 27 were measured with other work beside it. Later ones take seconds."
fi
step "dashboard"
stamp=dashboard/node_modules/.installed-lock
if ! cmp -s dashboard/package-lock.json "$stamp"; then
    with_us npm --prefix dashboard ci --no-audit --no-fund --loglevel=error
    cp dashboard/package-lock.json "$stamp"
fi
with_us npm --prefix dashboard run --silent build

step "binaries: ${packages[*]}"
with_us cargo build --release --locked "${packages[@]/#/--package=}"
printf '\nbuilt in %d s\n' $((SECONDS - began))
