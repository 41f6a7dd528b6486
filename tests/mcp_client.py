"""The official MCP client; tells as JSON lines what it meets, and calls what each line of its input names.

Usage: mcp_client.py MODE http URL TOKEN | mcp_client.py MODE stdio PROGRAM WORD…
MODE is `auto` (the newest revision first), `legacy` (with a handshake) or a revision.
"""

import asyncio
import json
import sys

from mcp import Client, MCPError, StdioServerParameters
from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client


def tell(what, value):
    print(json.dumps({"what": what, "value": value}), flush=True)


async def talk(transport, mode):
    async with Client(transport, mode=mode, read_timeout_seconds=60) as client:
        tell("hello", {"server": client.server_info.name, "revision": client.protocol_version})
        tools = (await client.list_tools()).tools
        tell("tools", [tool.model_dump(by_alias=True, exclude_none=True) for tool in tools])
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            call = json.loads(line)
            try:
                result = await client.call_tool(call["name"], call["args"])
                tell("result", {"error": bool(result.is_error), "data": result.structured_content})
            except MCPError as error:
                tell("protocol_error", str(error))


async def main():
    mode, kind, *words = sys.argv[1:]
    if kind == "http":
        url, token = words
        async with create_mcp_http_client(headers={"Authorization": f"Bearer {token}"}) as http:
            await talk(streamable_http_client(url, http_client=http), mode)
    else:
        await talk(StdioServerParameters(command=words[0], args=words[1:]), mode)


asyncio.run(main())
