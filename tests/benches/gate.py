#!/usr/bin/env python3
"""Prints what the gate costs: a decision as a process, a decision among 1,000 rules, and a backtest of 1,000 packs.

usage: tests/benches/gate.py [--packs N] [--processes] [--check]

Builds gait in release mode, and unless --processes is given a program that decides in process. A process is told in ms more than `true`, best of 200 runs each, alternating. With --check it
ends 1 when a budget is exceeded.
"""
import argparse, json, os, pathlib, shutil, subprocess, sys, tempfile, time

ROOT = pathlib.Path(__file__).resolve().parents[2]
GAIT = ROOT / "target/release/gait"
CALLS = 50


def run(argv, ok=(0,), cwd=None):
    """Wall ms of one run."""
    start = time.perf_counter()
    code = subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=cwd).returncode
    took = time.perf_counter() - start
    if code not in ok:
        sys.exit(f"{argv} ended {code}")
    return took * 1000


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--packs", type=int, default=1_000)
    args.add_argument("--processes", action="store_true")
    args.add_argument("--check", action="store_true")
    args = args.parse_args()
    mode = [] if args.processes else ["--release"]
    for what in (["--release", "--bin", "gait"], [*mode, "--example", "bench-data"]):
        subprocess.run(["cargo", "build", "--quiet", *what], cwd=ROOT, check=True)
    work = pathlib.Path(tempfile.mkdtemp(prefix="gait-bench-"))
    os.environ.update(HOME=str(work / "home"))
    try:
        over = table(work, args.packs, args.processes)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    if over:
        print("over budget: " + ", ".join(over))
    sys.exit(1 if over and args.check else 0)


def table(work, packs, processes):
    data = ROOT / "target" / ("debug" if processes else "release") / "examples/bench-data"
    context = {"identity": "agent", "workspace": "/srv", "risk_class": "low"}
    intent = {"tool_name": "tool.7", "args": {"amount": 5, "currency": "EUR", "file": "/srv/a.txt", "to": {"name": "x"}}, "context": context,
              "targets": [{"kind": "path", "value": "/srv/a/b", "operation": "read"}]}
    (work / "call.json").write_text(json.dumps(intent))
    (work / "small.yaml").write_text("default_verdict: block\nrules:\n  - {name: r, effect: allow, match: {tool_names: [tool.7]}}\n")
    # Each rule gets as far as its condition on an argument, and only the last holds.
    many(work / "amounts.json", lambda at: {"$.amount": {"gt": 1_000_000 - at}})
    conditions = [
        lambda at: {"$.amount": {"gte": 100 + at, "lt": 5000}},
        lambda at: {"$.currency": {"in": [f"C{at}", f"D{at}"]}},
        lambda at: {"$.file": {"under": f"/data/{at}"}},
        lambda at: {"$.file": {"glob": f"/home/{at}/*.txt"}},
        lambda at: {"$..name": {"eq": f"n{at}"}},
    ]
    many(work / "mixed.json", lambda at: conditions[at % len(conditions)](at))
    rows = [(f"gate eval, {name}", process(work, policy), budget)
            for name, policy, budget in [("1 rule", "small.yaml", 3), ("1,000 rules", "amounts.json", None)]]
    for name in [] if processes else ["amounts", "mixed"]:
        out = subprocess.run([data, "gate", work / f"{name}.json", work / "call.json"], capture_output=True, text=True, check=True)
        rows.append((f"1,000 rules, {name}, in process, p99", float(out.stdout) / 1000, 0.05))
    (work / "packs").mkdir()
    whole = json.loads(subprocess.run([data, "input", str(CALLS)], capture_output=True, check=True).stdout)
    for at in range(packs):
        whole["run"]["run_id"] = f"run_bench_{at}"
        (work / "input.json").write_text(json.dumps(whole))
        run([GAIT, "run", "record", "input.json", "--out-dir", "packs"], cwd=work)
    back = [GAIT, "policy", "backtest", "--policy", "small.yaml", "--packs", "packs"]
    rows.append((f"backtest, {packs} packs of {CALLS} calls", min(run(back, cwd=work) for _ in range(5)), 2000))
    print(f"{'':36} {'ms':>9} {'budget':>7}")
    for name, took, budget in rows:
        print(f"{name:36} {took:9.3f} {budget or '-':>7}")
    return [name for name, took, budget in rows if budget and took > budget]


def many(path, condition):
    """A policy of 1,000 rules about the same tool."""
    rules = [{"name": f"r{at}", "priority": at, "effect": "allow", "match": {"tool_names": ["tool.7"], "args": condition(at)}}
             for at in range(999)]
    rules.append({"name": "last", "priority": 999, "effect": "allow", "match": {"tool_names": ["tool.7"]}})
    path.write_text(json.dumps({"default_verdict": "block", "rules": rules}))


def process(work, policy):
    """ms of one decision as a process, more than `true`."""
    argv = [GAIT, "gate", "eval", "--policy", policy, "--intent", "call.json"]
    ours, true = [], []
    for _ in range(200):
        ours.append(run(argv, cwd=work))
        true.append(run(["true"]))
    return min(ours) - min(true)


main()
