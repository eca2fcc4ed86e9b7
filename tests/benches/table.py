#!/usr/bin/env python3
"""Prints what gait's main verbs cost, in units of `openssl dgst -sha256` over the same records, measured in one run.

usage: tests/benches/table.py [--calls N] [--fixtures N] [--check]

Builds gait in release mode, makes a pack of N calls (100,000) and N one-pack fixtures (5,000) in a temporary folder,
and takes the best wall time of several runs of each command, u being the best of openssl's in between. Memory is the
peak of the process (RSS). With --check it ends 1 when a budget is exceeded.
"""
import argparse, json, os, pathlib, shutil, subprocess, sys, tempfile, time, zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
GAIT = ROOT / "target/release/gait"
DATA = ROOT / "target/debug/examples/bench-data"
RUNS = 7


def run(argv, ok=(0,), cwd=None):
    """Wall seconds of one run."""
    start = time.perf_counter()
    code = subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=cwd).returncode
    took = time.perf_counter() - start
    if code not in ok:
        sys.exit(f"{argv} ended {code}")
    return took


def peak(argv, cwd=None):
    """Peak RSS in MB of one run. A small process starts it: a child counts what its parent had when it forked."""
    probe = "import os,resource,subprocess,sys; subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, " \
            "stderr=subprocess.DEVNULL); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    out = subprocess.run([sys.executable, "-S", "-E", "-c", probe, *argv], cwd=cwd, capture_output=True, check=True)
    return int(out.stdout) / 1024


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--calls", type=int, default=100_000)
    args.add_argument("--fixtures", type=int, default=5_000)
    args.add_argument("--check", action="store_true")
    args = args.parse_args()
    for what in (["--release", "--bin", "gait"], ["--example", "bench-data"]):
        subprocess.run(["cargo", "build", "--quiet", *what], cwd=ROOT, check=True)
    work = pathlib.Path(tempfile.mkdtemp(prefix="gait-bench-"))
    os.environ.update(HOME=str(work / "home"))
    try:
        sys.exit(1 if table(work, args) and args.check else 0)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def table(work, args):
    for shift in (0, 1):
        with open(work / f"input_{shift}.json", "wb") as out:
            subprocess.run([DATA, "input", str(args.calls), str(shift)], stdout=out, check=True)
        run([GAIT, "run", "record", work / f"input_{shift}.json", "--out-dir", work / "packs"])
    packs = [work / f"packs/runpack_run_bench_{shift}.zip" for shift in (0, 1)]
    with zipfile.ZipFile(packs[0]) as pack:
        lanes = [pathlib.Path(pack.extract(name, work)) for name in ("intents.jsonl", "results.jsonl")]
    suites = [suite(work, count) for count in (args.fixtures, args.fixtures * 10)]
    unit = ["openssl", "dgst", "-sha256", *lanes]
    jobs = [
        ("verify", [GAIT, "verify", packs[0]], (0,), 2, 40, None),
        ("record", [GAIT, "run", "record", work / "input_0.json", "--out-dir", work / "again"], (0,), 6, 200, None),
        ("inspect --json", [GAIT, "run", "inspect", packs[0], "--json"], (0,), 3.5, None, None),
        ("diff, with itself", [GAIT, "run", "diff", packs[0], packs[0]], (0,), 3, None, None),
        ("diff, every record", [GAIT, "run", "diff", packs[0], packs[1]], (2,), 8, 300, None),
        (f"regress, {args.fixtures} fixtures", [GAIT, "regress", "run"], (0,), 4, None, suites[0]),
        (f"regress, {args.fixtures * 10} fixtures", [GAIT, "regress", "run"], (0,), 44, None, suites[1]),
    ]
    size = sum(lane.stat().st_size for lane in lanes) / 1e6
    times, units = [[] for _ in jobs], []
    memory = [peak(argv, cwd) for _, argv, _, _, _, cwd in jobs]
    for _ in range(RUNS):
        for at, (_, argv, ok, _, _, cwd) in enumerate(jobs):
            units.append(run(unit))
            times[at].append(run(argv, ok, cwd))
    u = min(units)
    print(f"{args.calls} calls, {size:.0f} MB of records; u = {u * 1000:.0f} ms; best of {RUNS} runs each")
    print(f"{'':26} {'time':>9} {'in u':>7} {'budget':>7} {'RSS':>8} {'budget':>7}")
    over = []
    for (name, _, _, budget, room, _), took, rss in zip(jobs, times, memory):
        best = min(took)
        print(f"{name:26} {best * 1000:6.0f} ms {best / u:7.2f} {budget:7} {rss:5.0f} MB {room or '-':>7}")
        if best / u > budget or (room and rss > room):
            over.append(name)
    true = min(run(["true"]) for _ in range(200))
    version = min(run([GAIT, "version"]) for _ in range(200))
    print(f"{'version':26} {version * 1000:6.2f} ms, {(version - true) * 1000:.2f} ms more than true (budget 1.5)")
    if version - true > 0.0015:
        over.append("version")
    if over:
        print("over budget: " + ", ".join(over))
    return over


def suite(work, count):
    """A folder with `count` fixtures of one small pack, found by a glob."""
    folder = work / f"suite_{count}"
    (folder / "fixtures").mkdir(parents=True)
    subprocess.run([GAIT, "demo"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    subprocess.run([GAIT, "regress", "init", "--from", "run_demo", "--name", "f0"], cwd=folder, check=True,
                   stdout=subprocess.DEVNULL)
    metadata = (folder / "fixtures/f0/fixture.json").read_text()
    for at in range(1, count):
        name = f"f{at}"
        (folder / "fixtures" / name).mkdir()
        shutil.copy(folder / "fixtures/f0/runpack.zip", folder / "fixtures" / name / "runpack.zip")
        (folder / "fixtures" / name / "fixture.json").write_text(metadata.replace('"f0"', f'"{name}"'))
    listed = [{"name": f"f{at}", "run_id": "run_demo", "runpack": f"fixtures/f{at}/runpack.zip"} for at in range(count)]
    (folder / "gait.yaml").write_text(json.dumps({"fixtures": listed}, indent=2))
    return folder


main()
