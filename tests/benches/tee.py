#!/usr/bin/env python3
"""Prints what the recorder adds to a call, on a pipe and on HTTP.

usage: tests/benches/tee.py [--calls N] [--gait PROGRAM] [--check]

A server of a few lines answers at once. Each call is made twice, once without and once with the recorder in front, in
turns, so that both meet the same machine; what is printed is over N (5,000) calls each. Builds gait in release mode
unless a program is named. With --check it ends 1 when a pipe costs more than 0.1 ms at the median or 0.5 ms at the 95th
percentile.
"""
import argparse, os, pathlib, shutil, signal, socket, subprocess, sys, tempfile, threading, time

ROOT = pathlib.Path(__file__).resolve().parents[2]
ASK = b'{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"add","arguments":{"a":1,"b":%d}}}'
ANSWER = b'{"jsonrpc":"2.0","id":%s,"result":{"content":[{"type":"text","text":"the sum of both numbers is three"}]}}'
PIPE = "import sys\nfor line in sys.stdin.buffer:\n" \
       "    sys.stdout.buffer.write(%r %% line[22:line.index(b',', 22)] + b'\\n'); sys.stdout.buffer.flush()\n" % ANSWER
WARM = 200


class Pipe:
    """A server on a pipe, with `before` in front of its command."""

    def __init__(self, before, env):
        self.child = subprocess.Popen([*before, sys.executable, "-S", "-E", "-c", PIPE], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, env=env, cwd=env["HOME"])

    def call(self, number):
        start = time.perf_counter()
        self.child.stdin.write(ASK % (number, number) + b"\n")
        self.child.stdin.flush()
        line = self.child.stdout.readline()
        took = time.perf_counter() - start
        assert b'"id":%d,' % number in line, line
        return took

    def close(self):
        self.child.stdin.close()
        assert self.child.wait() == 0


def message(stream):
    """The head and the body of the next message on a socket's file."""
    head = []
    while (line := stream.readline()) not in (b"\r\n", b""):
        head.append(line)
    length = [int(line.split(b":")[1]) for line in head if line.lower().startswith(b"content-length")]
    return head, stream.read(length[0]) if length else b""


def serve(connection):
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    stream = connection.makefile("rb")
    while True:
        head, body = message(stream)
        if not head:
            return
        answer = ANSWER % body[22:body.index(b",", 22)]
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                           % (len(answer), answer))


def listen():
    """A server on HTTP; its address."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept():
        while True:
            threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()


class Http:
    """A connection to a server on HTTP."""

    def __init__(self, address):
        self.connection = socket.create_connection(address)
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = self.connection.makefile("rb")
        self.head = b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" \
                    b"Accept: application/json, text/event-stream\r\nContent-Length: %d\r\n\r\n%s"

    def call(self, number):
        body = ASK % (number, number)
        start = time.perf_counter()
        self.connection.sendall(self.head % (len(body), body))
        _, answer = message(self.stream)
        took = time.perf_counter() - start
        assert b'"id":%d,' % number in answer, answer
        return took


def measure(what, direct, teed, calls):
    """Prints the row; what the recorder adds at the median and at the 95th percentile, in ms."""
    times = ([], [])
    for number in range(calls + WARM):
        for to, kept in zip((direct, teed), times):
            took = to.call(number)
            if number >= WARM:
                kept.append(took * 1000)
    rows = [(sorted(kept)[calls // 2], sorted(kept)[calls * 95 // 100]) for kept in times]
    added = [with_tee - without for without, with_tee in zip(*rows)]
    row = "  ".join(f"{median:7.3f} {p95:7.3f}" for median, p95 in (*rows, added))
    print(f"{what:6} {row}", flush=True)
    return added


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--calls", type=int, default=5_000)
    args.add_argument("--gait", type=pathlib.Path)
    args.add_argument("--check", action="store_true")
    args = args.parse_args()
    if not args.gait:
        subprocess.run(["cargo", "build", "--release", "--quiet", "--bin", "gait"], cwd=ROOT, check=True)
    gait = args.gait or ROOT / "target/release/gait"
    work = tempfile.mkdtemp(prefix="gait-bench-")
    env = {"HOME": work, "PATH": os.environ["PATH"]}
    record = [str(gait.resolve()), "mcp", "record"]
    print(f"{args.calls} calls, ms: {'without':>9} {'p95':>5} {'with':>9} {'p95':>7} {'added':>9} {'p95':>6}")
    try:
        pipes = Pipe([], env), Pipe([*record, "--"], env)
        added = measure("pipe", *pipes, args.calls)
        for pipe in pipes:
            pipe.close()
        address = listen()
        tee = subprocess.Popen([*record, "--http", f"http://{address[0]}:{address[1]}/mcp"], stdout=subprocess.PIPE,
                               env=env, cwd=work, text=True)
        host, port = tee.stdout.readline().split("//")[1].split("/")[0].rsplit(":", 1)
        measure("http", Http(address), Http((host, int(port))), args.calls)
        tee.send_signal(signal.SIGTERM)
        said = tee.communicate()[0]
        assert tee.returncode == 0 and f"calls={args.calls + WARM}" in said, said
    finally:
        shutil.rmtree(work, ignore_errors=True)
    if args.check and (added[0] > 0.1 or added[1] > 0.5):
        sys.exit("over budget: the recorder on a pipe")


main()
