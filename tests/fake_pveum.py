#!/usr/bin/env python3
"""A stand-in for what deploy/proxmox-tokens.sh calls on a node: `pveum`, `pvesh` and `id`, which link to it.

Beside the links lie `state.json`, what the cluster knows, and `calls`, which gets one line for each call. FAKE_UID
is what `id -u` says (0 without it), FAKE_FAILS the beginning of a call that fails. Options and answers are those of
Proxmox VE 9, as far as the script goes. Anything else is refused, so that a new call is a visible one.
"""

import json
import os
import shlex
import sys

HERE, NAME = os.path.split(sys.argv[0])
STATE = os.path.join(HERE, "state.json")
CALLS = os.path.join(HERE, "calls")

# Those that the script may give.
PRIVILEGES = {
    "Datastore.AllocateSpace", "Sys.Console", "Sys.Modify", "Sys.PowerMgmt",
    "VM.Audit", "VM.Backup", "VM.Migrate", "VM.PowerMgmt", "VM.Snapshot",
}


class Refused(Exception):
    pass


def must(there, words):
    if not there:
        raise Refused(words)


def user_list(state):
    return [{"userid": name, "expire": 0, **user} for name, user in sorted(state["users"].items())]


def user_add(state, userid, *, comment=""):
    must(userid not in state["users"], f"create user failed: user '{userid}' already exists")
    state["users"][userid] = {"enable": 1, "comment": comment}


def token_list(state, userid):
    must(userid in state["users"], f"no such user ('{userid}')")
    names = [name.split("!") for name in state["tokens"]]
    rows = [(name, state["tokens"][f"{user}!{name}"]) for user, name in names if user == userid]
    return [{"tokenid": name, "expire": 0, "privsep": token["privsep"]} for name, token in rows]


def token_add(state, userid, tokenid, *, privsep="1"):
    must(userid in state["users"], f"no such user ('{userid}')")
    name = f"{userid}!{tokenid}"
    must(name not in state["tokens"], "400 Parameter verification failed.\ntokenid: Token already exists.")
    drawn = os.urandom(16).hex()
    secret = "-".join([drawn[:8], drawn[8:12], drawn[12:16], drawn[16:20], drawn[20:]])
    state["tokens"][name] = {"privsep": int(privsep), "value": secret}
    return {"full-tokenid": name, "info": {"privsep": privsep}, "value": secret}


def token_modify(state, userid, tokenid, *, privsep):
    token = state["tokens"].get(f"{userid}!{tokenid}")
    must(token, f"no such token '{tokenid}' for user '{userid}'")
    token["privsep"] = int(privsep)
    return {"expire": 0, "privsep": privsep}


def token_remove(state, userid, tokenid):
    name = f"{userid}!{tokenid}"
    must(state["tokens"].pop(name, None), f"no such token '{tokenid}' for user '{userid}'")
    # When its configuration is read again, what a token that is not there was given is passed over.
    state["acl"] = [row for row in state["acl"] if row["ugid"] != name]


def role_list(state):
    return [
        {"roleid": name, "privs": privs, "special": int(name.startswith("PVE"))}
        for name, privs in state["roles"].items()
    ]


def set_role(state, roleid, privs):
    must(not roleid.upper().startswith("PVE"), f"auto-generated role '{roleid}' cannot be modified")
    for privilege in privs.split(","):
        must(privilege in PRIVILEGES, f"update role failed: invalid privilege '{privilege}'")
    state["roles"][roleid] = ",".join(sorted(set(privs.split(","))))


def role_add(state, roleid, *, privs):
    must(roleid not in state["roles"], f"create role failed: role '{roleid}' already exists")
    set_role(state, roleid, privs)


def role_modify(state, roleid, *, privs):
    must(roleid in state["roles"], f"update role failed: role '{roleid}' does not exist")
    set_role(state, roleid, privs)


def acl_list(state):
    return state["acl"]


def acl_modify(state, path, *, roles, users=None, tokens=None, propagate="1"):
    must(users or tokens, "400 Parameter verification failed.\nusers: 'users' or 'tokens' is required.")
    must(roles in state["roles"], f"ACL update failed: role '{roles}' does not exist")
    must(not users or users in state["users"], f"ACL update failed: user '{users}' does not exist")
    must(not tokens or tokens in state["tokens"], f"ACL update failed: no such token '{tokens}'")
    row = {"path": path, "type": "user" if users else "token", "ugid": users or tokens, "roleid": roles}
    others = [other for other in state["acl"] if not row.items() <= other.items()]
    state["acl"] = [*others, {**row, "propagate": int(propagate)}]


def pool_list(state):
    return [{"poolid": name} for name in state["pools"]]


def storages(state):
    return [{"storage": name, "type": "dir", "content": "backup"} for name in state["storages"]]


# Each with whether it gives an answer, in the format that is asked for; the others know no such option.
COMMANDS = {
    "pveum user list": (user_list, True),
    "pveum user add": (user_add, False),
    "pveum user token list": (token_list, True),
    "pveum user token add": (token_add, True),
    "pveum user token modify": (token_modify, True),
    "pveum user token remove": (token_remove, True),
    "pveum role list": (role_list, True),
    "pveum role add": (role_add, False),
    "pveum role modify": (role_modify, False),
    "pveum acl list": (acl_list, True),
    "pveum acl modify": (acl_modify, False),
    "pveum pool list": (pool_list, True),
    "pvesh get /storage": (storages, True),
}


def run(line, words):
    failing = os.environ.get("FAKE_FAILS")
    must(not failing or not line.startswith(failing), "got no lock\nas the story wants it")
    found = [name for name in COMMANDS if words[: len(name.split())] == name.split()]
    must(found, f"ERROR: unknown command '{line}'")
    command, answers = COMMANDS[found[0]]
    plain, options = [], {}
    rest = iter(words[len(found[0].split()) :])
    for word in rest:
        if word.startswith("--"):
            options[word.removeprefix("--")] = next(rest, None)
        else:
            plain.append(word)
    form = options.pop("output-format", "text") if answers else None
    with open(STATE, encoding="utf-8") as file:
        text = file.read()
    state = json.loads(text)
    try:
        answer = command(state, *plain, **options)
    except TypeError as error:
        raise Refused(f"400 unable to parse option\n{error}") from error
    if state != json.loads(text):
        with open(STATE, "w", encoding="utf-8") as file:
            json.dump(state, file)
    if answer is not None:
        print(json.dumps(answer, sort_keys=True) if form == "json" else "a table, for people")


def main():
    words = [NAME, *sys.argv[1:]]
    line = shlex.join(words)
    with open(CALLS, "a", encoding="utf-8") as calls:
        calls.write(f"{line}\n")
    if words == ["id", "-u"]:
        print(os.environ.get("FAKE_UID", "0"))
        return
    try:
        run(line, words)
    except Refused as why:
        print(why, file=sys.stderr)
        sys.exit(255)


main()
