"""An MCP client that follows a script and prints its answers. Runs under python mcp 2.x and 1.x.

usage: client.py Client|ClientSession SCRIPT.json SERVER.json

SERVER is {"command": .., "args": [..], "env": {..}} or {"url": ..}. Each step of SCRIPT is a list: a word and what it
needs. Standard output is one JSON list, an answer for each step.
"""
import asyncio
import json
import os
import sys
import time
from contextlib import asynccontextmanager

from mcp import ClientSession, StdioServerParameters, stdio_client, types

kind, script, server = sys.argv[1], json.load(open(sys.argv[2])), json.load(open(sys.argv[3]))
# What only one protocol era says.
ERA = ("_meta", "resultType", "ttlMs", "cacheScope")


async def sample(_, params):
    text = types.TextContent(type="text", text="a sampled answer")
    return types.CreateMessageResult(role="assistant", content=text, model="scripted")


async def elicit(_, params):
    return types.ElicitResult(action="accept", content={"sure": True})


async def roots(_):
    return types.ListRootsResult(roots=[types.Root(uri=f"file://{os.environ['PEER_ROOT']}", name="root")])


CALLBACKS = {"sampling_callback": sample, "elicitation_callback": elicit, "list_roots_callback": roots}


@asynccontextmanager
async def connected():
    if "url" in server:
        transport = http(server["url"])
    else:
        transport = stdio_client(StdioServerParameters(**server))
    if kind == "Client":
        from mcp import Client

        async with Client(transport, **CALLBACKS) as client:
            yield client
    else:
        async with transport as streams, ClientSession(streams[0], streams[1], **CALLBACKS) as session:
            await session.initialize()
            yield session


def http(url):
    try:
        from mcp.client.streamable_http import streamable_http_client
    except ImportError:
        from mcp.client.streamable_http import streamablehttp_client as streamable_http_client
    return streamable_http_client(url)


def plain(value):
    value = value.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {key: member for key, member in value.items() if key not in ERA}


async def call(client, name, args):
    heard = []

    async def progress(at, total, message):
        heard.append([at, total, message])

    answer = await client.call_tool(name, args, progress_callback=progress)
    return {**plain(answer), **({"progress": heard} if heard else {})}


async def step(client, word, *rest):
    try:
        match word:
            case "list":
                return plain(await client.list_tools())
            case "call":
                return await call(client, *rest)
            case "together":
                return await asyncio.gather(*(step(client, "call", *each) for each in rest))
            case "read":
                return plain(await client.read_resource(rest[0]))
            case "prompt":
                return plain(await client.get_prompt(*rest))
            case "rounds":
                return await rounds(client, *rest)
    except Exception as error:
        told = getattr(error, "error", None)
        if told is None:
            raise
        return {"error": {"code": told.code, "message": told.message}}


async def rounds(client, count, name, args):
    """Milliseconds of each of `count` calls."""
    taken = []
    for _ in range(count):
        start = time.perf_counter()
        await client.call_tool(name, args)
        taken.append((time.perf_counter() - start) * 1000)
    return taken


async def main():
    async with connected() as client:
        return [await step(client, *each) for each in script]


print(json.dumps(asyncio.run(main())))
