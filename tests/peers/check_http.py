"""Over streamable HTTP: as over stdio, with a tap on either side of the recorder."""
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import time

from check_stdio import timeless
from kit import (CLIENTS, LIMIT, MODULES, NEW, PEER, STRACE, Failed, Pack, ask, environment, fresh, gait, made, must,
                 nothing_but, only_pack, same, same_bytes, spoken)
from scripts import EVERYTHING, NODE, SHOP, asked, replayed
from wire_http import Tap

SERVERS = {
    "everything": ([NODE, MODULES / "server-everything/dist/index.js", "streamableHttp"], EVERYTHING),
    "shop": ([NEW, PEER / "server.py", "{port}"], SHOP),
}
RECORDED = {}


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


@contextlib.contextmanager
def serving(argv, folder, name, ready=None, ending=signal.SIGTERM, code=None):
    """A server process: the port it was given, or the first group of `ready` in its output. Ended by a signal."""
    port = free_port()
    argv = [str(part).replace("{port}", str(port)) for part in argv]
    with open(folder / f"{name}.log", "w+b") as log:
        server = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                                  start_new_session=True, env=environment(PORT=str(port)))
        try:
            told = waited(server, port, ready, folder / f"{name}.log")
            yield told
        finally:
            # The whole group: strace keeps a signal to itself.
            os.killpg(server.pid, ending)
            try:
                ended = server.wait(LIMIT)
            except subprocess.TimeoutExpired:
                os.killpg(server.pid, signal.SIGKILL)
                raise Failed(f"{name} did not end at {ending.name}") from None
    must(code is None or ended == code, f"{name} ended {ended}\n{(folder / f'{name}.log').read_text()}")


def waited(server, port, ready, log):
    until = time.monotonic() + LIMIT
    while time.monotonic() < until and server.poll() is None:
        if ready:
            if told := re.search(ready, log.read_text(errors="replace")):
                return told[1]
        else:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return port
        time.sleep(0.02)
    raise Failed(f"{' '.join(map(str, server.args))} is not there\n{log.read_text(errors='replace')[-2000:]}")


def url(port):
    return {"url": f"http://127.0.0.1:{port}/mcp"}


def record(server, client):
    """client - tap - gait - tap - server: both taps saw the same requests and the same answers, byte for byte."""
    argv, script = SERVERS[server]
    folder = fresh("http", server, client)
    with serving(argv, folder, "server") as port:
        bare = ask(client, script, url(port), folder)
        theirs = Tap(port)
        tee = [os.environ["GAIT"], "mcp", "record", "--server", server, "--out", folder / "pack", "--http",
               url(theirs.port)["url"]]
        listening = r"listening=http://127\.0\.0\.1:(\d+)"
        with serving(tee, folder, "gait", listening, signal.SIGINT, 0) as gait_port:
            ours = Tap(int(gait_port))
            answers = ask(client, script, url(ours.port), folder)
        ours.close()
        theirs.close()
    RECORDED[server, client] = (folder, bare, theirs)
    left, right = ours.exchanges(), theirs.exchanges()
    must(len(left) > 5, f"only {len(left)} requests were made")
    same([list(pair[0][:2]) for pair in left], [list(pair[0][:2]) for pair in right], "requests")
    for (asked, got), (passed, given) in zip(left, right):
        what = f"{asked[0]} {asked[3][:60]!r}"
        same(list(map(list, asked[2])), list(map(list, passed[2])), f"request headers of {what}")
        same_bytes(passed[3], asked[3], f"request body of {what}")
        must(got[0] == given[0], f"status of {what} is {got[0]}, the server's was {given[0]}")
        same(list(map(list, got[1])), list(map(list, given[1])), f"response headers of {what}")
        if got[3] and given[3]:
            same_bytes(got[2], given[2], f"response body of {what}")
        else:
            # A stream that the client left; how far it came is no one's fault.
            must(given[2].startswith(got[2]) or got[2].startswith(given[2]), f"broken stream of {what} differs")
    same(timeless(answers), timeless(bare), "answers with the tee against answers without")


def messages(tap):
    for (method, _, _, said), (_, headers, content, _) in tap.exchanges():
        if method == "POST":
            yield "client", json.loads(said)
        kind = dict(headers).get("content-type", "")
        if kind.startswith("text/event-stream"):
            for event in re.split(rb"\r?\n\r?\n", content):
                data = b"\n".join(line[5:].strip() for line in event.splitlines() if line.startswith(b"data:"))
                if data:
                    yield "server", json.loads(data)
        elif content and kind.startswith("application/json"):
            yield "server", json.loads(content)


def pack(server, client):
    """The pack verifies and has every call that passed. Requests of their own connections have no order on the wire."""
    folder, _, tap = made(RECORDED, (server, client))
    path = only_pack(folder / "pack")
    verdict = json.loads(gait("verify", path, "--json").stdout)
    must(verdict["ok"] and not verdict.get("truncated"), f"gait verify says {verdict}")
    holds = Pack(path)
    calls, tools = spoken(list(messages(tap)))
    same(ordered(holds.calls), ordered(calls), "calls in the pack against calls on the wire")
    script = [list(call) for call in asked(SERVERS[server][1])]
    same(ordered(call[:2] for call in holds.calls), ordered(script), "calls in the pack against the client's script")
    same(holds.servers[0]["tools"], tools, "tools in tools.json")


def ordered(calls):
    return sorted(calls, key=lambda call: json.dumps(call, sort_keys=True))


def replay(server, recorder, player, transport):
    """The player gets from the pack what it would get from the server, over either transport."""
    folder, _, _ = made(RECORDED, (server, recorder))
    _, bare, _ = made(RECORDED, (server, player))
    own = fresh("http", server, recorder, f"replay-{player}-{transport}")
    script, path = SERVERS[server][1], only_pack(folder / "pack")
    allowed = CLIENTS[player][0], os.environ["GAIT"]
    if transport == "stdio":
        answers = ask(player, script, replayed(path), own, traced=own / "strace.txt")
    else:
        argv = [*STRACE, own / "strace-gait.txt", os.environ["GAIT"], "mcp", "replay", "--from", path]
        argv += ["--listen", "127.0.0.1:0"]
        with serving(argv, own, "gait", r"listening=http://127\.0\.0\.1:(\d+)", signal.SIGINT) as port:
            answers = ask(player, script, url(port), own, traced=own / "strace.txt")
        nothing_but(own / "strace-gait.txt", *allowed)
    nothing_but(own / "strace.txt", *allowed)
    same(timeless(answers), timeless(bare), "answers of the replay against answers of the server")


def checks():
    pairs = [(server, client) for server in SERVERS for client in CLIENTS]
    yield [(f"http/bytes/{server}/{client}", record, server, client) for server, client in pairs]
    yield [(f"http/pack/{server}/{client}", pack, server, client) for server, client in pairs]
    yield [
        (f"http/replay/{server}/{recorder}-to-{player}-over-{transport}", replay, server, recorder, player, transport)
        for server, recorder in pairs
        for player in CLIENTS
        for transport in ("stdio", "http")
    ]
