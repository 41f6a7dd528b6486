"""Starts fakepve with an API token, which its own command line cannot make.

foreign_cluster.py GUESTS.json CERT.pem KEY.pem TOKEN_ID TOKEN_SECRET; prints its address when it listens.
"""

import asyncio
import json
import sys

from fakepve.server import FakePve


async def main(guests_file, cert, key, token_id, secret):
    pve = FakePve(user="root@pam", password="for-this-test-only", host="127.0.0.1", port=0)
    # One second of a guest's work takes a fifth of ours.
    pve.time_scale = 0.2
    pve.apitokens[token_id] = secret
    with open(guests_file, encoding="utf-8") as file:
        guests = json.load(file)
    for guest in guests:
        add = pve.add_ct if guest.get("type") == "lxc" else pve.add_vm
        add(guest["vmid"], guest["name"], node=guest["node"], status=guest["status"], config=guest.get("config", {}))
    await pve.start(cert, key)
    print(f"listening on {pve.url}", flush=True)
    await asyncio.Event().wait()


asyncio.run(main(*sys.argv[1:]))
