"""What the checks share: the peers and their folders, running things, reading packs, and what a failure says."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
HOME = ROOT / "target/peers"
WORK = HOME / "work"
PEER = HERE / "peer"
NEW, OLD = HOME / "python-new/bin/python", HOME / "python-old/bin/python"
MODULES = HOME / "node/node_modules/@modelcontextprotocol"
# Longest that any one program takes, in seconds.
LIMIT = 120

# Name of a client, the python it runs under, and the class it uses.
CLIENTS = {"client-2": (NEW, "Client"), "session-2": (NEW, "ClientSession"), "session-1": (OLD, "ClientSession")}


class Failed(Exception):
    """A check did not hold; its text is for the reader of the log."""


def must(holds, text):
    if not holds:
        raise Failed(text)


def same(got, want, what, path="$"):
    """Fails with the first place where two JSON values differ; 1 and 1.0 are two values."""
    if isinstance(got, dict) and isinstance(want, dict):
        for key in [*want, *(key for key in got if key not in want)]:
            must(key in got, f"{what}: {path}.{key} is missing; wanted {short(want.get(key))}")
            must(key in want, f"{what}: {path}.{key} was not expected: {short(got.get(key))}")
            same(got[key], want[key], what, f"{path}.{key}")
    elif isinstance(got, list) and isinstance(want, list):
        for at in range(max(len(got), len(want))):
            must(at < len(got), f"{what}: {path}[{at}] is missing; wanted {short(want[at:at + 1])}")
            must(at < len(want), f"{what}: {path}[{at}] was not expected: {short(got[at:at + 1])}")
            same(got[at], want[at], what, f"{path}[{at}]")
    else:
        must(got == want and type(got) is type(want), f"{what}: {path} is {short(got)}, wanted {short(want)}")


def same_bytes(got, want, what):
    if got != want:
        at = next((at for at, (a, b) in enumerate(zip(got, want)) if a != b), min(len(got), len(want)))
        raise Failed(f"{what}: {len(got)} and {len(want)} bytes, the first difference at {at}: "
                     f"{got[at:at + 60]!r} became of {want[at:at + 60]!r}")


def short(value):
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 300 else text[:300] + ".."


def environment(**more):
    """As bare as a shell's, so that nothing of this machine's CI or of gait decides."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "HOME": str(WORK / "home"), "PEER_ROOT": str(WORK / "files"), **more}


def run(argv, code=0, cwd=None, env=None):
    """Runs a program to its end; the completed process, its output as text. `code` None takes any exit code."""
    argv = [str(part) for part in argv]
    try:
        ended = subprocess.run(argv, cwd=cwd, env=env or environment(), stdin=subprocess.DEVNULL, capture_output=True,
                               text=True, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        raise Failed(f"{' '.join(argv)} did not end within {LIMIT} s") from None
    must(code is None or ended.returncode == code,
         f"{' '.join(argv)} ended {ended.returncode}, not {code}\n{ended.stdout[-1500:]}\n{ended.stderr[-3000:]}")
    return ended


def made(store, key):
    """What an earlier check left in `store`; without it there is nothing to look at."""
    if key not in store:
        raise Failed(f"an earlier check left nothing for {key}: see its failure, or run it too")
    return store[key]


def fresh(*parts):
    """An empty folder for one check."""
    folder = WORK.joinpath(*parts)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def write(path, value):
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def gait(*argv, **how):
    return run([os.environ["GAIT"], *argv], **how)


def ask(client, script, server, folder, traced=None):
    """What a client of ours gets for the steps of `script` from `server` ({command, args, env} or {url})."""
    python, kind = CLIENTS[client]
    files = write(folder / "script.json", script), write(folder / "server.json", server)
    argv = [python, PEER / "client.py", kind, *files]
    if traced:
        argv = [*STRACE, traced, *argv]
    return json.loads(run(argv).stdout)


STRACE = ["strace", "-f", "-qq", "--seccomp-bpf", "-s", "4096", "-e", "trace=execve,connect", "-o"]


def nothing_but(traced, *programs):
    """Fails unless only these programs were started, and no connection left the machine."""
    allowed = {str(program) for program in programs}
    lines = pathlib.Path(traced).read_text(errors="replace").splitlines()
    must(any("execve(" in line for line in lines), f"{traced}: strace saw nothing")
    for line in lines:
        started = re.search(r'execve\("([^"]*)".* = 0$', line)
        must(not started or started[1] in allowed, f"replay started a program: {line}")
        family = re.search(r"connect\(.*sa_family=(\w+)", line)
        loopback = re.search(r'inet_addr\("127\.|inet_pton\(AF_INET6, "::1"', line)
        local = not family or family[1] == "AF_UNIX" or loopback
        must(local, f"replay connected off loopback: {line}")


class Pack:
    """A runpack as any zip reader sees it."""

    def __init__(self, path):
        self.path = path
        with zipfile.ZipFile(path) as pack:
            self.entries = {name: pack.read(name) for name in pack.namelist()}
        results = {record["intent_id"]: record for record in self.lines("results.jsonl")}
        # [tool, arguments, status, result] of each call; a call without an answer has None for both.
        self.calls = [
            [intent["tool_name"], intent.get("args", {}), *outcome(results.get(intent["intent_id"]))]
            for intent in self.lines("intents.jsonl")
        ]
        self.servers = json.loads(self.entries["tools.json"])["servers"]

    def lines(self, name):
        return [json.loads(line) for line in self.entries[name].splitlines()]


def outcome(record):
    return (record["status"], record["result"]) if record else (None, None)


def only_pack(folder):
    packs = sorted(folder.glob("runpack_*.zip"))
    must(len(packs) == 1, f"{folder} has {len(packs)} runpacks, not one")
    return packs[0]


def spoken(messages):
    """What the streams of one connection say: ([[tool, arguments, status, result]], the last tools/list result).

    `messages` are (sender, JSON-RPC message) in any order that has each sender's own in order.
    """
    answers = {repr(m["id"]): m for who, m in messages if who == "server" and "method" not in m and "id" in m}
    calls, tools = [], None
    for who, message in messages:
        if who != "client" or "id" not in message or "method" not in message:
            continue
        answer = answers.get(repr(message["id"]), {})
        if message["method"] == "tools/list" and "result" in answer:
            tools = answer["result"]["tools"]
        if message["method"] == "tools/call":
            params, result = message["params"], answer.get("result")
            if result is not None and result.get("resultType") == "input_required":
                continue
            if "error" in answer:
                status, result = "error", {"error": answer["error"]}
            else:
                status = "tool_error" if result and result.get("isError") else "ok" if result is not None else None
            calls.append([params["name"], params.get("arguments", {}), status, result])
    return calls, tools
