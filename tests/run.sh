#!/usr/bin/env bash
# Everything that is checked, from nothing: run.sh. Only the quick part: run.sh quick.
# Installs what is missing, goes on after a failure, and ends with the number of tests of each kind.
set -uo pipefail
cd "$(dirname "$0")/.."
export NO_COLOR=1 CARGO_TERM_COLOR=never CARGO_TERM_PROGRESS_WHEN=never
# What is built from nothing is built once: notes for building it again would only cost time and 2 GB.
if [ -n "${CI:-}" ] || [ ! -d target/debug ]; then export CARGO_INCREMENTAL=0; fi

quick=${1:-}
logs=target/test-logs
mkdir -p "$logs"
began=$SECONDS
passed=0
failed=0
rows=()
broken=()

# step NAME KIND COMMAND…: runs it, keeps its words, counts its tests. KIND says how to count.
step() {
    local name=$1 kind=$2 from=$SECONDS ok=1 p f
    shift 2
    printf '\n== %s (after %d s)\n' "$name" $((SECONDS - began))
    "$@" 2>&1 | tee "$logs/${name// /-}.log" || ok=0
    read -r p f < <(count "$kind" "$logs/${name// /-}.log")
    # A step that fails without a failed test (it did not compile, say) counts as one failure.
    if [ "$ok" -eq 0 ] && [ "$f" -eq 0 ]; then f=1; fi
    # A kind of test that ran none has not been passed.
    if [ "$ok" -eq 1 ] && [ $((p + f)) -eq 0 ]; then f=1; fi
    [ "$f" -eq 0 ] || broken+=("$name")
    passed=$((passed + p)) failed=$((failed + f))
    rows+=("$(printf '%-34s %6d %6d %7d s' "$name" "$p" "$f" $((SECONDS - from)))")
}

count() {
    case $1 in
        check) [ "$ok" -eq 1 ] && echo 1 0 || echo 0 1 ;;
        cargo) awk '/^test result:/ {p += $4; f += $6} END {print p + 0, f + 0}' "$2" ;;
        vitest) awk '/^ *Tests / {for (i = 2; i <= NF; i++) {if ($i == "passed") p = $(i - 1); if ($i == "failed") f = $(i - 1)}} END {print p + 0, f + 0}' "$2" ;;
        playwright) awk '/^ +[0-9]+ (passed|failed|flaky|did not run)/ {if ($2 == "passed") p += $1; else f += $1} END {print p + 0, f + 0}' "$2" ;;
    esac
}

npm_ci() {
    local stamp=$1/node_modules/.installed-lock
    cmp -s "$1/package-lock.json" "$stamp" && return
    npm --prefix "$1" ci --no-audit --no-fund --loglevel=error && cp "$1/package-lock.json" "$stamp"
}

python_tools() {
    local stamp=target/tools/python/.installed
    cmp -s tests/requirements.txt "$stamp" && return
    python3 -m venv target/tools/python &&
        target/tools/python/bin/pip install --quiet --disable-pip-version-check -r tests/requirements.txt &&
        cp tests/requirements.txt "$stamp"
}

# Everything built takes about 6 GB; a disk that fills up fails later, in words that name something else.
room() {
    local free_mb have_mb
    free_mb=$(df -Pm target | awk 'NR == 2 {print $4}')
    have_mb=$(du -sm target | cut -f1)
    if [ $((free_mb + have_mb)) -lt 7000 ]; then
        echo "WARNING: $free_mb MB are free where target/ is, which takes about 6,000 MB and has $have_mb: it may fill up"
    fi
}

prepare() {
    room
    deploy/install.sh cc libssl sshd git setpriv flock && npm_ci dashboard || return
    [ -z "$quick" ] || return 0
    deploy/install.sh curl jq less nginx chromium prometheus venv && npm_ci tests/browser &&
        npm_ci tests/conformance && python_tools || return
    deploy/install.sh dockerd || echo "no Docker engine: the stories about a real one are skipped"
}

# Always the whole workspace, and the targets by name: another set of packages has other features of their
# dependencies, and everything would be built once more.
some_tests() { cargo test --locked --workspace --no-fail-fast "$@"; }

# The types and frames that Rust gives must be the ones in the tree.
unit() {
    local files=(jarvisd/*/tests/*.rs jarvisd/*/tests/*/main.rs) quick=() waits=() file name ok=0
    for file in "${files[@]%/main.rs}"; do
        name=$(basename "$file" .rs)
        # These mostly wait for processes that they end and begin anew: beside the others they cost little.
        case $name in steps | torture) waits+=(--test "$name") ;; *) quick+=(--test "$name") ;; esac
    done
    rm -rf target/generated && mkdir -p target/generated/protocol
    export TS_RS_EXPORT_DIR=$PWD/target/generated/protocol
    some_tests "${waits[@]}" >"$logs/waits.log" 2>&1 &
    some_tests --lib --bins "${quick[@]}" || ok=1
    wait $! || ok=1
    cat "$logs/waits.log"
    unset TS_RS_EXPORT_DIR
    return $ok
}
generated() {
    diff -r target/generated/protocol dashboard/src/protocol ||
        { echo "dashboard/src/protocol is not what the sources give: run 'cargo test -p jarvis-core' and commit it"; return 1; }
}

step "install what is missing" check prepare
step "rust format" check cargo fmt --all --check
step "rust lints" check cargo clippy --locked --workspace --all-targets -- -D warnings
step "dashboard lints and types" check npm --prefix dashboard run --silent lint
step "build of daemon, simulator, tests" check some_tests --tests --no-run
step "unit and property tests" cargo unit
step "generated files" check generated
step "frames, house rules" cargo some_tests --test fixtures --test tidy
step "dashboard tests" vitest npm --prefix dashboard run --silent test
if [ -z "$quick" ]; then
    step "dashboard build" check npm --prefix dashboard run --silent build
    step "dashboard size" check npm --prefix dashboard run --silent size
    # Stories wait far more than they compute.
    step "stories" cargo timeout 1200 cargo test --locked --workspace --test e2e -- --test-threads 6
    step "browser" playwright timeout 900 npm --prefix tests/browser test --silent
fi

printf '\n%-34s %6s %6s %9s\n' "" passed failed time
printf '%s\n' "${rows[@]}"
printf '%-34s %6d %6d %7d s\n' total "$passed" "$failed" $((SECONDS - began))
[ ${#broken[@]} -eq 0 ] || { printf '\nfailed: %s\n' "${broken[*]}"; printf 'their words: %s\n' "$logs"; }
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
