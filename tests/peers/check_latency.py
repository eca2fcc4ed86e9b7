"""What the tee adds to a call of a real server, measured call by call in turns with a connection that has no tee."""
import io
import json
import os
import statistics
import subprocess
import time

from kit import LIMIT, environment, fresh, must
from scripts import SERVERS

CALLS = 5_000
# A machine that does other things too says little; only what is far from the aim fails (0.1 and 0.5 ms).
FAR = {"median": 2.0, "p95": 10.0}


class Connection:
    """The smallest client there is: what it costs is not measured along."""

    def __init__(self, argv, cwd):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self.server = subprocess.Popen([str(part) for part in argv], cwd=cwd, env=environment(), bufsize=0, **pipes)
        self.lines = io.BufferedReader(self.server.stdout)
        self.id = 0
        told = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "clock", "version": "1"}}
        self.ask("initialize", told)
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def send(self, message):
        self.server.stdin.write(json.dumps(message).encode() + b"\n")

    def ask(self, method, params):
        self.id += 1
        self.send({"jsonrpc": "2.0", "id": self.id, "method": method, "params": params})
        while True:
            line = self.lines.readline()
            must(line, "the server closed the connection")
            answer = json.loads(line)
            if answer.get("id") == self.id and "method" not in answer:
                must("result" in answer and not answer["result"].get("isError"), f"{method} was refused: {line}")
                return

    def close(self):
        self.server.stdin.close()
        self.server.wait(LIMIT)


def latency(server, tool, args):
    folder = fresh("latency", server)
    argv = SERVERS[server][0]
    bare = Connection(argv, folder)
    tee = Connection([os.environ["GAIT"], "mcp", "record", "--out", folder / "pack", "--", *argv], folder)
    taken = {bare: [], tee: []}
    question = {"name": tool, "arguments": args}
    for turn in range(CALLS + 200):
        for connection in (bare, tee) if turn % 2 else (tee, bare):
            start = time.perf_counter()
            connection.ask("tools/call", question)
            if turn >= 200:
                taken[connection].append((time.perf_counter() - start) * 1000)
    bare.close()
    tee.close()
    told = []
    for what, of in (("median", statistics.median), ("p95", lambda values: statistics.quantiles(values, n=20)[-1])):
        without, having = of(taken[bare]), of(taken[tee])
        told.append(f"{what} {without:.3f} ms without, {having:.3f} ms with: {having - without:+.3f} ms")
        must(having - without < FAR[what], f"the tee adds {having - without:.1f} ms at the {what}")
    return f"{CALLS} calls of {tool}: " + "; ".join(told)


def checks():
    # One after the other, so that neither waits for the other.
    yield [("latency/everything", latency, "everything", "echo", {"message": "how long?"})]
    yield [("latency/shop", latency, "shop", "lookup", {"order": "A-4711"})]
