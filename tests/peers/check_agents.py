"""Agents of openai-agents and langchain: captured without a change to them, then run again against the recording."""
import json
import os
import pathlib
import xml.etree.ElementTree as xml

from kit import (NEW, OLD, PEER, STRACE, WORK, Pack, environment, fresh, gait, made, must, nothing_but, run, same,
                 same_bytes)
from scripts import SERVERS, command, files_dir, replayed

# name: (python, program, more environment)
AGENTS = {
    "openai": (NEW, "openai_agent.py", {}),
    "langchain": (OLD, "langchain_agent.py", {}),
    # As langchain's adapters do by default: a server process for every call.
    "langchain-by-call": (OLD, "langchain_agent.py", {"PEER_SESSION": "call"}),
}
TRIALS = int(os.environ.get("PEER_TRIALS", "5"))
CALLS = [
    ("shop.lookup", {"order": "A-4711"}, "ok"),
    ("files.read_text_file", {"path": f"{WORK}/files/note.txt"}, "ok"),
    ("shop.refund", {"order": "A-4711", "amount": 119.9}, "ok"),
]
# What PEER_MUTATION does: the reason that has to be given, and the tool to be named with it.
MUTATIONS = {
    "argument": ("call_changed", "shop.refund"),
    "dropped": ("call_missing", "files.read_text_file"),
    "added": ("call_extra", "shop.slow"),
    "reordered": ("call_moved", "shop.lookup"),
    "renamed": ("call_missing", "shop.refund"),
    "storm": ("call_extra", "shop.refund"),
    "crash": ("agent_failed", "shop.refund"),
    "hang": ("agent_timeout", "shop.refund"),
    "no-calls": ("no_calls_captured", "shop.lookup"),
}
CAPTURED, RESULTS = {}, {}


def agent(name):
    python, program, env = AGENTS[name]
    return [str(python), str(PEER / program)], env


def config(folder, servers):
    path = folder / "mcp.json"
    path.write_text(json.dumps({"mcpServers": servers}))
    return path


def capture(name):
    """`mcp setup` and `run capture` are all it takes; the pack has the calls, and the agent says what it says alone."""
    folder, (argv, env) = fresh("agents", name), agent(name)
    files_dir()
    servers = config(folder, {server: command(SERVERS[server][0]) for server in ("shop", "files")})
    bare = run([*argv, servers], cwd=folder, env=environment(**env)).stdout
    gait("mcp", "setup", "--gait", os.environ["GAIT"], servers, cwd=folder)
    pack = folder / "pack.zip"
    seen = gait("run", "capture", "--run-id", f"run_{name}", "--out", pack, "--", *argv, servers, cwd=folder,
                env=environment(**env))
    same(seen.stdout, bare, "the agent's own output")
    gait("verify", pack)
    held = Pack(pack)
    same([call[:3] for call in held.calls], list(map(list, CALLS)), "calls in the pack")
    same(sorted(server["name"] for server in held.servers), ["files", "shop"], "servers in tools.json")
    must(all(server["tools"] for server in held.servers), "tools.json has no definitions")
    CAPTURED[name] = (pack, bare)
    failing = gait("run", "capture", "--out", folder / "crash.zip", "--", *argv, servers, cwd=folder, code=1,
                   env=environment(**env, PEER_MUTATION="crash"))
    must("the agent gave up" in failing.stderr, f"the agent's last words are gone: {failing.stderr}")
    same([call[:3] for call in Pack(folder / "crash.zip").calls], [list(CALLS[0])],
         "calls of the agent that gave up")


def replay(name):
    """With `mcp replay` in place of the servers the agent comes to the same end, and nothing else is started."""
    (pack, bare), (argv, env) = made(CAPTURED, name), agent(name)
    folder = fresh("agents", name, "replay")
    servers = config(folder, {server: replayed(pack, "--server", server) for server in ("shop", "files")})
    said = run([*STRACE, folder / "strace.txt", *argv, servers], cwd=folder, env=environment(**env)).stdout
    same(said, bare, "the agent's output")
    nothing_but(folder / "strace.txt", argv[0], os.environ["GAIT"])


def suite(folder, name, recording, fixtures):
    """A project with a fixture for each (name, mutation, trials, more about the agent), all of the same recording."""
    argv, env = agent(name)
    listed = []
    for fixture, mutation, trials, limits in fixtures:
        gait("regress", "init", "--from", recording, "--name", fixture, cwd=folder)
        started = {"command": argv, "timeout": "60s", "env": {**env, "PEER_MUTATION": mutation}, **limits}
        pack = f"fixtures/{fixture}/runpack.zip"
        listed.append({"name": fixture, "runpack": pack, "agent": started, "trials": trials})
    head = {"schema_id": "gait.regress.config", "schema_version": "1.0.0", "fixture_set": "default"}
    (folder / "gait.yaml").write_text(json.dumps({**head, "fixtures": listed}))


def diff_of(folder, fixture):
    result = json.loads((folder / "regress_result.json").read_text())
    return next(grade for grade in result["graders"] if grade["name"] == f"{fixture}/diff")


def unchanged(name):
    """Every trial passes and leaves the bytes of the recording; no server is started, nothing leaves the machine."""
    (pack, _), folder = made(CAPTURED, name), fresh("agents", name, "unchanged")
    suite(folder, name, pack, [("same", "", TRIALS, {})])
    run([*STRACE, folder / "strace.txt", os.environ["GAIT"], "regress", "run"], cwd=folder)
    nothing_but(folder / "strace.txt", agent(name)[0][0], os.environ["GAIT"], "/proc/self/exe")
    details = diff_of(folder, "same")["details"]
    must(details.get("candidate_source") == "agent", f"the candidates are no agent's: {details}")
    for trial in range(1, TRIALS + 1):
        kept = folder / f"gait-out/regress/same/trial_{trial}.zip"
        must(kept.is_file(), f"{kept} is not there")
        same_bytes(kept.read_bytes(), pack.read_bytes(), f"trial {trial} against the recording")
    return f"{TRIALS} of {TRIALS} trials"


def mutate(name):
    """One run of all mutations; what it says of each is checked one by one."""
    (pack, _), folder = made(CAPTURED, name), fresh("agents", name, "mutated")
    limits = {"hang": {"timeout": "10s"}}
    suite(folder, name, pack, [(mutation, mutation, 1, limits.get(mutation, {})) for mutation in MUTATIONS])
    ended = gait("regress", "run", "--junit", "junit.xml", cwd=folder, code=5)
    left = [at.name for at in pathlib.Path("/proc").glob("[0-9]*") if at_home(at, folder)]
    must(not left, f"processes that outlived the run: {left}")
    RESULTS[name] = (folder, ended.stdout + ended.stderr)


def at_home(process, folder):
    try:
        return (process / "cwd").readlink().is_relative_to(folder)
    except OSError:
        return False


def mutated(name, mutation):
    folder, said = made(RESULTS, name)
    reason, tool = MUTATIONS[mutation]
    grade = diff_of(folder, mutation)
    must(grade["status"] == "fail" and reason in grade["reason_codes"],
         f"{grade['status']} with {grade['reason_codes']}, wanted {reason}")
    named = [call for call in grade["details"]["calls"] if call["tool"] == tool]
    must(named, f"no call of {tool} in {grade['details']['calls']}")
    block = "".join(part.split("/diff", 1)[0] for part in said.split(f"{mutation}/diff")[1:])
    cases = [case for case in xml.parse(folder / "junit.xml").iter("testcase") if case.get("classname") == mutation]
    failure = "".join(xml.tostring(case, "unicode") for case in cases)
    for where, text in (("standard output", block), ("JUnit", failure)):
        must(reason in text and tool in text, f"{where} does not say {reason} of {tool}:\n{text}")


def checks():
    yield [(f"agents/capture/{name}", capture, name) for name in AGENTS]
    yield [(f"agents/replay/{name}", replay, name) for name in AGENTS]
    yield from ([(f"agents/unchanged/{name}", unchanged, name)] for name in AGENTS)
    yield from ([(f"agents/mutated/{name}", mutate, name)] for name in AGENTS)
    yield [(f"agents/mutated/{name}/{mutation}", mutated, name, mutation) for name in AGENTS for mutation in MUTATIONS]
