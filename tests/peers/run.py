#!/usr/bin/env python3
"""Runs gait against real MCP servers, clients and agents from npm and PyPI.

usage: tests/peers/run.py [--gait BINARY] [FILTER..]

Needs python 3.11, node 20, and a network for the first run: the pinned peers are installed into target/peers and kept
there. BINARY is target/release/gait unless given. FILTER is a part of a check's name; without one all checks run.
Ends 1 when a check failed; every run's files stay under target/peers/work.
"""
import argparse
import concurrent.futures
import fcntl
import os
import pathlib
import shutil
import sys
import time
import traceback

sys.dont_write_bytecode = True

import check_agents
import check_http
import check_latency
import check_secrets
import check_stdio
import install
from kit import HOME, ROOT, WORK, Failed

GROUPS = [check_stdio, check_http, check_agents, check_secrets, check_latency]


def main():
    args = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].split("\n")[0])
    args.add_argument("--gait", type=pathlib.Path, default=ROOT / "target/release/gait")
    args.add_argument("filters", nargs="*")
    args = args.parse_args()
    if not args.gait.is_file():
        sys.exit(f"{args.gait} is not there; build it first, or name another with --gait")
    os.environ["GAIT"] = str(args.gait.resolve())
    HOME.mkdir(parents=True, exist_ok=True)
    lock = open(HOME / ".lock", "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(f"another run uses {HOME}; wait for it to end")
    install.all_peers()
    shutil.rmtree(WORK, ignore_errors=True)
    (WORK / "home").mkdir(parents=True)
    passed = failed = 0
    for stage in (stage for group in GROUPS for stage in group.checks()):
        wanted = [one for one in stage if not args.filters or any(part in one[0] for part in args.filters)]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for good in pool.map(checked, wanted):
                passed, failed = passed + good, failed + (not good)
    print(f"\n{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


def checked(one):
    """Whether a check holds; says so in a line."""
    name, check, *args = one
    start = time.monotonic()
    try:
        told = check(*args)
    except Failed as failure:
        tell(f"FAILED {name}: {failure}")
        return False
    except Exception:
        tell(f"FAILED {name}: the check itself broke\n{traceback.format_exc()}")
        return False
    tell(f"ok {name} ({time.monotonic() - start:.1f} s)" + (f"\n   {told}" if told else ""))
    return True


def tell(text):
    """In one piece, whoever else tells something."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
