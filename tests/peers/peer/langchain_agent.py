"""An agent of langchain with a fake chat model; usage: langchain_agent.py [CONFIG].

`PEER_SESSION=call` opens a session, and so a server, for every call, as the adapters do unless told otherwise.
"""
import asyncio
import os
from contextlib import AsyncExitStack

from langchain.agents import create_agent
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_mcp_adapters.client import MultiServerMCPClient
from langchain_mcp_adapters.tools import load_mcp_tools

import plan


class Scripted(BaseChatModel):
    @property
    def _llm_type(self):
        return "scripted"

    def bind_tools(self, tools, **_):
        return self

    def _generate(self, messages, stop=None, run_manager=None, **_):
        outputs = [str(message.content) for message in messages if isinstance(message, ToolMessage)]
        call = plan.decide(outputs)
        calls = [{"name": call[0], "args": call[1], "id": f"call_{len(outputs)}"}] if call else []
        said = AIMessage(content="" if calls else f"done: {len(outputs)}", tool_calls=calls)
        return ChatResult(generations=[ChatGeneration(message=said)])


async def main():
    client = MultiServerMCPClient({name: {"transport": "stdio", **params} for name, params in plan.servers().items()})
    async with AsyncExitStack() as stack:
        if os.environ.get("PEER_SESSION") == "call":
            tools = await client.get_tools()
        else:
            sessions = [await stack.enter_async_context(client.session(name)) for name in client.connections]
            tools = [tool for session in sessions for tool in await load_mcp_tools(session)]
        agent = create_agent(Scripted(), tools)
        told = await agent.ainvoke({"messages": [("user", "order A-4711 came broken")]})
        print(told["messages"][-1].content)


asyncio.run(main())
