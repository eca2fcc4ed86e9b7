"""A TCP pipe that keeps what passes, and HTTP/1.1 read out of what it kept."""
import contextlib
import io
import socket
import threading

# Between two hops only; and what names the hop itself.
HOP = {"connection", "keep-alive", "transfer-encoding", "host", "te", "trailer", "upgrade", "proxy-connection"}


class Tap:
    """Listens on a free port of 127.0.0.1 and passes each connection on to `port`."""

    def __init__(self, port):
        self.target = port
        self.connections = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.target))
            asked, answered = bytearray(), bytearray()
            self.connections.append((asked, answered))
            threading.Thread(target=pump, args=(client, server, asked), daemon=True).start()
            threading.Thread(target=pump, args=(server, client, answered), daemon=True).start()

    def close(self):
        self.listener.close()

    def exchanges(self):
        """(method, path, headers, body) and (status, headers, body, whether it is whole) of each request, sorted."""
        pairs = [pair for asked, answered in self.connections for pair in read(bytes(asked), bytes(answered))]
        return sorted(pairs, key=repr)


def pump(source, target, kept):
    with contextlib.suppress(OSError):
        while chunk := source.recv(1 << 16):
            kept += chunk
            target.sendall(chunk)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def read(asked, answered):
    requests, responses = io.BytesIO(asked), io.BytesIO(answered)
    while line := requests.readline():
        method, path, _ = line.decode().split(" ", 2)
        headers = head(requests)
        request = (method, path, kept(headers), body(requests, headers, False)[0])
        status, answer_headers = 100, []
        while status == 100:
            first = responses.readline()
            if not first:
                yield request, (0, [], b"", False)
                break
            status, answer_headers = int(first.split()[1]), head(responses)
        else:
            bare = status in (204, 304) or method == "HEAD"
            content, whole = (b"", True) if bare else body(responses, answer_headers, True)
            yield request, (status, kept(answer_headers), content, whole)


def head(stream):
    """[(name in lower case, value)] up to the blank line."""
    headers = []
    while (line := stream.readline().strip()):
        name, value = line.decode("latin-1").split(":", 1)
        headers.append((name.lower(), value.strip()))
    return headers


def kept(headers):
    return sorted(pair for pair in headers if pair[0] not in HOP)


def body(stream, headers, to_the_end):
    """The body without its chunks, and whether all of it came."""
    named = dict(headers)
    if "chunked" in named.get("transfer-encoding", ""):
        content = b""
        while True:
            size = int(stream.readline().split(b";")[0] or b"-1", 16)
            if size <= 0:
                stream.readline()
                return content, size == 0
            chunk = stream.read(size)
            content += chunk
            if len(chunk) < size:
                return content, False
            stream.readline()
    if "content-length" in named:
        length = int(named["content-length"])
        content = stream.read(length)
        return content, len(content) == length
    return (stream.read(), True) if to_the_end else (b"", True)
