"""The official MCP client, telling as JSON lines what it met. Usage: mcp_client.py http URL TOKEN | stdio PROGRAM WORD…"""

import asyncio
import json
import sys

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamablehttp_client


def tell(what, value):
    print(json.dumps({"what": what, "value": value}), flush=True)


async def talk(session):
    hello = await session.initialize()
    tell("hello", {"server": hello.serverInfo.name, "revision": hello.protocolVersion})
    tools = (await session.list_tools()).tools
    tell("tools", [tool.model_dump(exclude_none=True) for tool in tools])
    for line in sys.stdin:
        call = json.loads(line)
        try:
            result = await session.call_tool(call["name"], call["args"])
            tell("result", {"error": result.isError, "data": result.structuredContent})
        except Exception as error:  # a protocol error is an answer too
            tell("protocol_error", str(error))


async def main():
    if sys.argv[1] == "http":
        headers = {"Authorization": f"Bearer {sys.argv[3]}"}
        async with streamablehttp_client(sys.argv[2], headers=headers) as (read, write, _):
            async with ClientSession(read, write) as session:
                await talk(session)
    else:
        program = StdioServerParameters(command=sys.argv[2], args=sys.argv[3:])
        async with stdio_client(program) as (read, write):
            async with ClientSession(read, write) as session:
                await talk(session)


asyncio.run(main())
