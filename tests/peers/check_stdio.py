"""Over stdio: the tee changes no byte, the pack holds what was said, and replay answers any client generation alike."""
import json
import os
import re
import sys

from kit import CLIENTS, PEER, Pack, ask, fresh, gait, made, must, nothing_but, only_pack, same, same_bytes, spoken
from scripts import SERVERS, asked, command, files_dir, replayed

TAP = [sys.executable, str(PEER / "tap.py")]
# (server, client): its folder, once recorded.
RECORDED = {}


def record(server, client):
    """client - tap - gait - tap - server: both taps have the same bytes, the client the answers of a bare server."""
    argv, script = SERVERS[server]
    files_dir()
    bare = ask(client, script, command(argv), fresh("stdio", server, client, "bare"))
    files_dir()
    folder = fresh("stdio", server, client)
    tee = [os.environ["GAIT"], "mcp", "record", "--server", server, "--out", folder / "pack", "--"]
    tapped = [*TAP, folder / "client", "--", *tee, *TAP, folder / "server", "--", *argv]
    answers = ask(client, script, command(tapped), folder)
    RECORDED[server, client] = (folder, bare)
    for side in ("in", "out"):
        ours, theirs = ((folder / f"{end}.{side}").read_bytes() for end in ("client", "server"))
        must(ours, f"nothing passed ({side})")
        same_bytes(ours, theirs, f"the client's and the server's side of std{side}")
    same(timeless(answers), timeless(bare), "answers with the tee against answers without")


def messages(folder):
    for who, side in (("client", "in"), ("server", "out")):
        for line in (folder / f"server.{side}").read_bytes().splitlines():
            yield who, json.loads(line)


def pack(server, client):
    """The pack verifies, and has exactly the calls, results and tools that passed."""
    folder, _ = made(RECORDED, (server, client))
    path = only_pack(folder / "pack")
    verdict = json.loads(gait("verify", path, "--json").stdout)
    must(verdict["ok"] and not verdict.get("truncated"), f"gait verify says {verdict}")
    holds = Pack(path)
    calls, tools = spoken(list(messages(folder)))
    same(holds.calls, calls, "calls in the pack against calls on the wire")
    script = [list(call) for call in asked(SERVERS[server][1])]
    same([call[:2] for call in holds.calls], script, "calls in the pack against the client's script")
    must({call[2] for call in holds.calls} >= {"ok", "tool_error"}, "the script was to have good and bad calls")
    same([server["name"] for server in holds.servers], [server], "servers in tools.json")
    same(holds.servers[0]["tools"], tools, "tools in tools.json")


def replay(server, recorder, player):
    """The player gets from the pack what it would get from the server, and nothing else is started or contacted."""
    folder, _ = made(RECORDED, (server, recorder))
    _, bare = made(RECORDED, (server, player))
    own = fresh("stdio", server, recorder, f"replay-{player}")
    known = replayed(only_pack(folder / "pack"), "--candidate-out", own / "again.zip")
    answers = ask(player, SERVERS[server][1], known, own, traced=own / "strace.txt")
    nothing_but(own / "strace.txt", CLIENTS[player][0], os.environ["GAIT"])
    same(timeless(answers), timeless(bare), "answers of the replay against answers of the server")
    again, before = Pack(own / "again.zip"), Pack(only_pack(folder / "pack"))
    for name in ("intents.jsonl", "results.jsonl"):
        same_bytes(again.entries[name], before.entries[name], f"{name} of the candidate against the recording")


def timeless(value):
    """Answers without what depends on when they were given: times of day in a text, and progress."""
    if isinstance(value, str):
        return re.sub(r"\d+:\d\d:\d\d [AP]M", "<time>", value)
    if isinstance(value, list):
        return [timeless(item) for item in value]
    return {key: timeless(v) for key, v in value.items() if key != "progress"} if isinstance(value, dict) else value


def checks():
    """Stages of (name, check); the checks of one stage need nothing of each other."""
    pairs = [(server, client) for server in SERVERS for client in CLIENTS]
    # The files of one run are not those of another that runs beside it, so that server is asked one at a time.
    for server in SERVERS:
        stage = [(f"stdio/bytes/{server}/{client}", record, server, client) for client in CLIENTS]
        yield from ([one] for one in stage) if server == "files" else [stage]
    yield [(f"stdio/pack/{server}/{client}", pack, server, client) for server, client in pairs]
    yield [
        (f"stdio/replay/{server}/{recorder}-to-{player}", replay, server, recorder, player)
        for server, recorder in pairs
        for player in CLIENTS
    ]
