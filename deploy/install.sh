#!/usr/bin/env bash
# Installs what is missing, by name of the program: install.sh nginx chromium …
# Debian's packages only, and only as root or through sudo; otherwise it says what to install.
set -euo pipefail

package_of() {
    case $1 in
        cc) echo gcc libc6-dev ;;
        libssl) echo libssl-dev pkg-config ;;
        sshd) echo openssh-server ;;
        venv) echo python3 python3-venv ;;
        dockerd) echo docker.io ;;
        setpriv | flock) echo util-linux ;;
        *) echo "$1" ;;
    esac
}

present() {
    case $1 in
        libssl) pkg-config --exists openssl >/dev/null 2>&1 ;;
        venv) python3 -c 'import venv, ensurepip' >/dev/null 2>&1 ;;
        *) PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null 2>&1 ;;
    esac
}

missing=()
packages=()
for program in "$@"; do
    if ! present "$program"; then
        missing+=("$program")
        read -ra names <<<"$(package_of "$program")"
        packages+=("${names[@]}")
    fi
done
[ ${#missing[@]} -eq 0 ] && exit 0

say_how() {
    printf 'missing: %s\n%s\n' "${missing[*]}" "$1" >&2
    exit 1
}
command -v apt-get >/dev/null 2>&1 ||
    say_how "This machine has no apt-get: install these programs with its own package manager, then run the command again."
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    sudo -n true >/dev/null 2>&1 ||
        say_how "Run this once, then the command again:  sudo apt-get install --no-install-recommends ${packages[*]}"
    as_root=(sudo -n)
fi

printf 'installing: %s\n' "${packages[*]}"
apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=400 -qq "$@" >/dev/null; }
# Debian starts a service as it installs it. These are programs we run ourselves, on our own ports, so the
# packages' own services are neither started now nor at the next boot.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod 755 "$policy"
    trap '"${as_root[@]}" rm -f "$policy"' EXIT
fi
install_quietly() { apt install -y --no-install-recommends -o Dpkg::Options::=--force-confold "${packages[@]}"; }
install_quietly 2>/dev/null || { apt update && install_quietly; } ||
    say_how "apt-get could not install: ${packages[*]}. Its own words are above."

for program in "${missing[@]}"; do
    case $program in
        nginx | prometheus) services=("$program") ;;
        sshd) services=(ssh) ;;
        dockerd) services=(docker.service docker.socket containerd) ;;
        *) services=() ;;
    esac
    [ ${#services[@]} -eq 0 ] || "${as_root[@]}" systemctl disable --quiet "${services[@]}" >/dev/null 2>&1 || true
    present "$program" || say_how "apt-get installed ${packages[*]}, but $program is still not found."
done
