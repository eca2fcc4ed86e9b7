"""What is secret while recording is nowhere in the pack, and replay still knows the calls that held it."""
import json
import os

from kit import Pack, ask, fresh, gait, must, nothing_but, only_pack, same, CLIENTS
from scripts import SERVERS, command, replayed

VALUE = "s3cr\u00e9t-\"quoted\"\\value/0123456789"
BEARER = "eyJhbGciOiJIUzI1NiJ9.c2VjcmV0LWJlYXJlcg.dGhlLXNpZ25hdHVyZQ"
CARD = "5500-0000-0000-0004"
SCRIPT = [
    ["list"],
    ["call", "whoami", {"token": "none"}],
    ["call", "whoami", {"token": f"see {VALUE}!"}],
    ["call", "whoami", {"token": f"Authorization: Bearer {BEARER}"}],
    ["call", "pay", {"order": "A-4711", "card": {"number": CARD}}],
]


def spellings(secret):
    """The ways JSON may write a text, nested once or not."""
    for text in (secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]):
        yield from (text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])


def hidden(client):
    folder = fresh("secrets", client)
    argv = [os.environ["GAIT"], "mcp", "record", "--out", folder / "pack", "--redact", "$.card.number", "--"]
    answers = ask(client, SCRIPT, command([*argv, *SERVERS["shop"][0]], SHOP_API_TOKEN=VALUE), folder)
    said = json.dumps(answers, ensure_ascii=False)
    for secret in (VALUE, BEARER, CARD):
        must(any(text in said for text in spellings(secret)), f"the client itself was not given {secret}")
    path = only_pack(folder / "pack")
    gait("verify", path)
    pack = Pack(path)
    for name, data in [("the file itself", path.read_bytes()), *pack.entries.items()]:
        for secret in (VALUE, BEARER, CARD, VALUE[::-1]):
            for text in spellings(secret):
                must(text.encode() not in data, f"{secret} stands in {name}")
    must(len(pack.calls) == 4, f"4 calls were made, {len(pack.calls)} are in the pack")
    known = replayed(path, "--candidate-out", folder / "again.zip")
    for today, env in (("same", {"SHOP_API_TOKEN": VALUE}), ("unset", {})):
        own = fresh("secrets", client, today)
        answers = ask(client, SCRIPT, {**known, "env": env}, own, traced=own / "strace.txt")
        nothing_but(own / "strace.txt", CLIENTS[client][0], os.environ["GAIT"])
        for step, answer in zip(SCRIPT[1:], answers[1:]):
            must(not answer.get("isError"), f"variable {today}: {step} was not matched: {answer}")
        again = Pack(folder / "again.zip")
        same([call[0] for call in again.calls], [call[0] for call in pack.calls], "calls of the candidate")


def checks():
    yield [(f"secrets/{client}", hidden, client) for client in CLIENTS]
