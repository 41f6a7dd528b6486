#!/usr/bin/env bash
# Makes what jarvisd needs in Proxmox VE: a user, a token that only reads, and, when asked, one that changes are made
# with. It runs as root on one node and holds for the whole cluster. It makes what is missing, so it may be run again;
# a secret that is there stays unless --renew says otherwise. Not here: the settings of jarvisd.
set -euo pipefail
# Without it a session that brings a language of its own has warnings between the answers.
export LC_ALL=C

user=jarvis@pve

# What the acting token may do, and for what. Each call with its privilege: jarvisd/core/src/tools/routes.rs.
#
#   VM.Audit                 the pool     safety: whoever may act on a guest may also look at it
#   VM.PowerMgmt             the pool     start, resume, shut down, stop, reboot, suspend
#   VM.Snapshot              the pool     --snapshots: make and delete them. Proxmox lets its holder roll back as well;
#                                         Jarvis has no such call
#   VM.Migrate               the pool     --moves: to another node, disks of its own included
#   VM.Backup                the pool     --backups: save the guest …
#   Datastore.AllocateSpace  the storage  … on this storage. Nothing is pruned: that would be Datastore.Allocate
#   Sys.PowerMgmt            /nodes       --nodes: reboot, shut down, and wake a node by another one
#   Sys.Modify               /nodes       --services: restart Proxmox's own. It is much more than that: the network,
#                                         packages and clock of a node
#   Sys.Console              / alone      --ha: ask the HA manager for a state or a move. It changes everything of HA;
#                                         as it is not passed on to /nodes it opens no shell there
#
# Containers in Docker and packets that jarvisd itself wakes nodes with are no matter of Proxmox.
guest_privileges=(VM.Audit VM.PowerMgmt)
node_privileges=()
storages=()
pool='' ha='' dry_run='' renew='' for_act=''

help() {
    cat <<'END'
proxmox-tokens.sh [--act POOL …] [--renew[=read|act]] [--dry-run]     as root on one node
  without anything     the user jarvis@pve and its token `read`, with role PVEAuditor on /
  --act POOL           also its token `act`, which starts and stops the guests of this pool
    --snapshots        … makes and deletes snapshots of them
    --moves            … moves them to other nodes
    --backups STORAGE  … saves them on this storage; may be given several times
    --nodes            … wakes, reboots and shuts down nodes
    --services         … restarts Proxmox's own services on nodes
    --ha               … asks the HA manager, for guests which it manages
  --renew              new secrets for the tokens that are there; =read, =act: for this one
  --dry-run            shows the commands and changes nothing
END
}

say() { printf '%s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# The word after an option.
value() {
    if [ $# -lt 3 ] || [ -z "$3" ] || [ "${3#-}" != "$3" ]; then die "$2 wants $1 after it; --help shows how"; fi
    printf '%s' "$3"
}

while [ $# -gt 0 ]; do
    case $1 in
        --act)
            pool=$(value "the name of a pool" "$@")
            shift
            ;;
        --backups)
            storage=$(value "the name of a storage" "$@")
            storages+=("$storage") for_act=$1
            shift
            ;;
        --snapshots) guest_privileges+=(VM.Snapshot) for_act=$1 ;;
        --moves) guest_privileges+=(VM.Migrate) for_act=$1 ;;
        --nodes) node_privileges+=(Sys.PowerMgmt) for_act=$1 ;;
        --services) node_privileges+=(Sys.Modify) for_act=$1 ;;
        --ha) ha=yes for_act=$1 ;;
        --renew) renew=all ;;
        --renew=read) renew='read' ;;
        --renew=act) renew=act for_act=$1 ;;
        --dry-run) dry_run=yes ;;
        --help | -h) help && exit ;;
        *) die "$1 is no option of this script; --help shows them all" ;;
    esac
    shift
done
[ -z "$for_act" ] || [ -n "$pool" ] || die "$for_act is about the acting token: give --act POOL with it"
[[ -z $pool || $pool =~ ^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+){0,2}$ ]] || die "\`$pool\` cannot be the name of a pool"
for storage in "${storages[@]}"; do
    [[ $storage =~ ^[A-Za-z][A-Za-z0-9._-]*$ ]] || die "\`$storage\` cannot be the name of a storage"
done
[ ${#storages[@]} -eq 0 ] || guest_privileges+=(VM.Backup)

blind=''
command -v pveum >/dev/null 2>&1 || blind="there is no pveum here: run this on a node of the cluster"
[ -n "$blind" ] || [ "$(id -u)" -eq 0 ] || blind="only root may do this: log in as root on a node, or use sudo"
if [ -n "$blind" ]; then
    [ -n "$dry_run" ] || die "$blind"
    say "($blind; shown is what it would do on a cluster where nothing of this is made yet)"
fi

errors=$(mktemp)
trap 'rm -f "$errors"' EXIT

# Runs a command of Proxmox; what it says is in $said.
call() {
    said=$("$@" 2>"$errors") || die "$* failed: $(paste -sd' ' "$errors")"
}

change() {
    if [ -z "$dry_run" ]; then
        call "$@"
    else
        local word line=''
        for word in "$@"; do
            if [[ ! $word =~ ^[A-Za-z0-9@/._,-]+$ ]]; then word="'$word'"; fi
            line+="$word "
        done
        printf '%s\n' "${line% }"
    fi
}

# One of Proxmox's lists: the given fields of each row, with bars between.
list() {
    local fields=$1
    shift
    [ -z "$blind" ] || return 0
    call "$@" --output-format json
    perl -MJSON::PP -e '
        my @fields = split /,/, shift;
        for my $row (@{decode_json(do { local $/; <STDIN> })}) {
            print join("|", map { $row->{$_} // "" } @fields), "\n";
        }
    ' "$fields" <<<"$said" 2>/dev/null || die "$* did not answer with a list: is this Proxmox VE 8 or newer?"
}

# Whether a list has exactly this row.
has() { grep -qxF -- "$2" <<<"$1"; }
# Whether a list has a row of this name.
begins() { grep -q -- "^$2|" <<<"$1"; }

users=$(list userid,enable pveum user list)
roles=$(list roleid,privs pveum role list)
grants=$(list path,ugid,roleid,propagate pveum acl list)
tokens=''
if has "$users" "$user|0"; then die "the user $user is disabled: pveum user modify $user --enable 1"; fi
if begins "$users" "$user"; then tokens=$(list tokenid,privsep pveum user token list "$user"); fi
if [ -n "$pool" ] && [ -z "$blind" ]; then
    pools=$(list poolid pveum pool list)
    has "$pools" "$pool" ||
        die "there is no pool \`$pool\` (known: ${pools//$'\n'/, }): pveum pool add, then put guests into it"
    known=$(list storage pvesh get /storage)
    for storage in "${storages[@]}"; do
        has "$known" "$storage" || die "there is no storage \`$storage\` (known: ${known//$'\n'/, })"
    done
fi

# A role with exactly these privileges.
role() {
    local name=$1 privileges
    privileges=$(printf '%s\n' "${@:2}" | sort -u | paste -sd,)
    if has "$roles" "$name|$privileges"; then return 0; fi
    if begins "$roles" "$name"; then
        change pveum role modify "$name" --privs "$privileges"
    else
        change pveum role add "$name" --privs "$privileges"
    fi
}

# A role for a user or token on a path; 0 behind it: not passed on to what lies below.
wanted=''
grant() {
    local path=$1 whom=$2 role=$3 propagate=${4:-1} option=--users
    if has "$wanted" "$path|$whom|$role"; then return 0; fi
    wanted+="$path|$whom|$role"$'\n'
    if has "$grants" "$path|$whom|$role|$propagate"; then return 0; fi
    if [[ $whom == *!* ]]; then option=--tokens; fi
    change pveum acl modify "$path" "$option" "$whom" --roles "$role" --propagate "$propagate"
}

# With privilege separation a token may do what both it and its user may, so both are given each role. A role on a
# path replaces what comes from above: there the user is given PVEAuditor anew, or its other token would be blind.
both() {
    grant "$1" "$user" PVEAuditor
    grant "$1" "$user" "$2" "${3:-1}"
}

# A token of the user; its roles follow as PATH ROLE PROPAGATE, three words each.
token() {
    local name=$1 about=$2 key=$3 id="$user!$1" secret=''
    shift 3
    local there=''
    if begins "$tokens" "$name"; then there=yes; fi
    if [ -n "$there" ] && { [ "$renew" = all ] || [ "$renew" = "$name" ]; }; then
        change pveum user token remove "$user" "$name"
        # What it was given goes with it.
        grants=$(grep -vF -- "|$id|" <<<"$grants") || true
        there=''
    fi
    if [ -z "$there" ]; then
        change pveum user token add "$user" "$name" --privsep 1 --output-format json
        if [ -z "$dry_run" ]; then
            secret=$(perl -MJSON::PP -e 'print decode_json(do { local $/; <STDIN> })->{value}' <<<"$said") ||
                die "pveum did not tell the secret of $id: run this again with --renew=$name"
            # At once: should anything fail below, it would be lost.
            say "The token that $about. Proxmox shows it this once. Write the next line, and nothing else, into the"
            say "file that proxmox.$key names (mode 0600, owned by the user that jarvisd runs as):"
            printf '%s=%s\n' "$id" "$secret"
        fi
    else
        say "$id is there and keeps its secret; whoever has lost it runs this again with --renew=$name"
    fi
    while [ $# -gt 0 ]; do
        grant "$1" "$id" "$2" "$3"
        shift 3
    done
    if has "$tokens" "$name|0" && [ -n "$there" ]; then
        # Until now it could do whatever its user can.
        change pveum user token modify "$user" "$name" --privsep 1
    fi
    local path whom role
    while IFS='|' read -r path whom role _; do
        if [ "$whom" = "$id" ] && ! has "$wanted" "$path|$whom|$role"; then
            say "$id also has $role on $path; to take it away: pveum acl delete $path --tokens '$id' --roles $role"
        fi
    done <<<"$grants"
}

if ! begins "$users" "$user"; then
    # It has no password, so nobody can log in as it.
    change pveum user add "$user" --comment "jarvisd, by its tokens only"
fi
grant / "$user" PVEAuditor
token read reads token_file / PVEAuditor 1
if [ -n "$pool" ]; then
    acts=("/pool/$pool" JarvisAct 1)
    role JarvisAct "${guest_privileges[@]}"
    both "/pool/$pool" JarvisAct
    if [ ${#storages[@]} -gt 0 ]; then role JarvisBackup Datastore.AllocateSpace; fi
    for storage in "${storages[@]}"; do
        both "/storage/$storage" JarvisBackup
        acts+=("/storage/$storage" JarvisBackup 1)
    done
    if [ ${#node_privileges[@]} -gt 0 ]; then
        role JarvisNodes "${node_privileges[@]}"
        both /nodes JarvisNodes
        acts+=(/nodes JarvisNodes 1)
    fi
    if [ -n "$ha" ]; then
        role JarvisHa Sys.Console
        both / JarvisHa 0
        acts+=(/ JarvisHa 0)
    fi
    token act acts act_token_file "${acts[@]}"
fi
[ -n "$dry_run" ] || say "Done. On its own machine \`jarvisd doctor\` names what a token may not do, and what it should not."
