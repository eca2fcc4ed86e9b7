"""An MCP server of the newer era (python mcp 2.x) whose answers depend on nothing but the question.

usage: server.py [PORT]     stdio, or streamable HTTP on that port of 127.0.0.1 at /mcp
"""
import base64
import os
import sys
from typing import Annotated, Any

import anyio
from mcp.server import MCPServer
from mcp.server.mcpserver import Context, Elicit, Image, RequestStateSecurity, Resolve
from mcp.types import ResourceLink, TextContent, ToolAnnotations
from pydantic import BaseModel

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
READS = ToolAnnotations(read_only_hint=True)
server = MCPServer("shop", version="1.0", log_level="CRITICAL")


@server.tool(annotations=READS)
def lookup(order: str) -> dict[str, Any]:
    """What is known of an order."""
    return {"order": order, "amount": 119.9, "customer": "c-\u2603\u00e9", "cents": 9007199254740993}


@server.tool()
def refund(order: str, amount: float) -> dict[str, Any]:
    """Pays an order back."""
    return {"order": order, "refunded": amount}


@server.tool(annotations=READS)
def picture() -> Image:
    """One red dot."""
    return Image(data=PNG, format="png")


@server.tool()
async def slow(steps: int, ctx: Context) -> str:
    """Takes its time, and says how far it is."""
    for step in range(steps):
        await anyio.sleep(0.02)
        await ctx.report_progress(step + 1, steps, f"step {step + 1}")
    return f"done in {steps}"


@server.tool()
def links(count: int) -> list[ResourceLink | TextContent]:
    """Where more is."""
    found = [ResourceLink(type="resource_link", uri=f"shop://orders/{n}", name=f"order {n}") for n in range(count)]
    return [TextContent(type="text", text=f"{count} links"), *found]


@server.tool()
def fail(reason: str) -> str:
    """Does not work."""
    raise ValueError(reason)


@server.tool()
def whoami(token: str) -> dict[str, Any]:
    """Tells what nobody should write down: what it was given, and what is in its environment."""
    secret = os.environ.get("SHOP_API_TOKEN", "")
    return {"given": token, "environment": secret, "header": "Authorization: Bearer " + "".join(reversed(secret))}


@server.tool()
def pay(order: str, card: dict[str, str]) -> dict[str, Any]:
    """Gives back what it was given."""
    return {"order": order, "card": card}


class Yes(BaseModel):
    sure: bool


async def ask(order: str) -> Elicit[Yes]:
    return Elicit(f"cancel {order}?", Yes)


@server.tool()
async def cancel(order: str, yes: Annotated[Yes, Resolve(ask)]) -> str:
    """Asks before it cancels: one call of two rounds in the newer era, a question to the client in the older."""
    return f"cancelled {order}: {yes.sure}"


@server.resource("shop://orders/1")
def order_one() -> str:
    return "order 1"


if len(sys.argv) > 1:
    server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
else:
    server.run("stdio")
