"""Starts fakepve with an API token, which its own command line cannot make.

foreign_cluster.py GUESTS.json CERT.pem KEY.pem TOKEN_ID TOKEN_SECRET CHANGES; prints its address when it listens.
CHANGES gets one line for each request for a change that comes with the token: method, path, parameters.
"""

import asyncio
import json
import sys
import urllib.parse

from fakepve.server import API, USER, FakePve


class Recorded(FakePve):
    """Writes down what the token asks to be changed."""

    token_id = None
    changes = None

    async def _answer(self, request, handler, generic, path_node):
        if request.method != "GET" and request[USER] == self.token_id:
            body = (await request.read()).decode()
            pairs = sorted(urllib.parse.parse_qsl(body) + list(request.query.items()))
            words = "&".join(f"{name}={value}" for name, value in pairs)
            self.changes.write(f"{request.method} {request.path.removeprefix(API)} {words}\n")
            self.changes.flush()
        return await super()._answer(request, handler, generic, path_node)


async def main(guests_file, cert, key, token_id, secret, changes):
    pve = Recorded(user="root@pam", password="for-this-test-only", host="127.0.0.1", port=0)
    # One second of a guest's work takes a fifth of ours.
    pve.time_scale = 0.2
    pve.apitokens[token_id] = secret
    pve.token_id = token_id
    pve.changes = open(changes, "a", encoding="utf-8")
    with open(guests_file, encoding="utf-8") as file:
        guests = json.load(file)
    for guest in guests:
        add = pve.add_ct if guest.get("type") == "lxc" else pve.add_vm
        add(guest["vmid"], guest["name"], node=guest["node"], status=guest["status"], config=guest.get("config", {}))
    await pve.start(cert, key)
    print(f"listening on {pve.url}", flush=True)
    await asyncio.Event().wait()


asyncio.run(main(*sys.argv[1:]))
