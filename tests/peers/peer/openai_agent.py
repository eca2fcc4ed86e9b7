"""An agent of openai-agents with a scripted model; usage: openai_agent.py [CONFIG]."""
import asyncio
import json
from contextlib import AsyncExitStack

from agents import Agent, Model, ModelResponse, Runner, Usage, set_tracing_disabled
from agents.mcp import MCPServerStdio
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

import plan


class Scripted(Model):
    async def get_response(self, system_instructions, input, *_, **__):
        items = [] if isinstance(input, str) else input
        outputs = [json.dumps(item["output"]) for item in items if item.get("type") == "function_call_output"]
        call = plan.decide(outputs)
        if call:
            ids = {"call_id": f"call_{len(outputs)}", "id": f"item_{len(outputs)}"}
            output = ResponseFunctionToolCall(type="function_call", name=call[0], arguments=json.dumps(call[1]), **ids)
        else:
            text = ResponseOutputText(type="output_text", text=f"done: {len(outputs)}", annotations=[])
            said = {"id": "last", "type": "message", "role": "assistant", "status": "completed"}
            output = ResponseOutputMessage(content=[text], **said)
        return ModelResponse(output=[output], usage=Usage(), response_id=None)

    def stream_response(self, *_, **__):
        raise NotImplementedError


async def main():
    set_tracing_disabled(True)
    async with AsyncExitStack() as stack:
        servers = [
            await stack.enter_async_context(MCPServerStdio(params, name=name, client_session_timeout_seconds=60))
            for name, params in plan.servers().items()
        ]
        agent = Agent(name="desk", model=Scripted(), mcp_servers=servers)
        print((await Runner.run(agent, "order A-4711 came broken")).final_output)


asyncio.run(main())
