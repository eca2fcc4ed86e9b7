"""The servers the checks know, and what is asked of each: lists of steps, see peer/client.py."""
import os

from kit import MODULES, NEW, PEER, WORK

LONG = "\u2603 long \u2028 " * 20_000

EVERYTHING = [
    ["list"],
    ["call", "echo", {"message": "h\u00e9llo \u2603 \u2028 \"quoted\" \\ \x7f"}],
    ["call", "trigger-long-running-operation", {"duration": 0.3, "steps": 3}],
    ["call", "get-tiny-image", {}],
    ["call", "get-resource-links", {"count": 4}],
    ["call", "get-resource-reference", {"resourceType": "Text", "resourceId": 1}],
    ["call", "get-annotated-message", {"messageType": "error", "includeImage": True}],
    ["call", "get-structured-content", {"location": "Chicago"}],
    ["call", "get-sum", {"a": 9007199254740993, "b": 0.5}],
    ["call", "get-sum", {"a": "no number"}],
    ["call", "no-such-tool", {}],
    ["together", ["trigger-long-running-operation", {"duration": 0.2, "steps": 2}], ["echo", {"message": "meanwhile"}]],
    ["call", "trigger-sampling-request", {"prompt": "say something", "maxTokens": 10}],
    ["call", "echo", {"message": LONG}],
    ["prompt", "simple-prompt"],
    ["list"],
]

SHOP = [
    ["call", "lookup", {"order": "before any list"}],
    ["list"],
    ["call", "lookup", {"order": "A-4711"}],
    ["call", "slow", {"steps": 3}],
    ["call", "picture", {}],
    ["call", "links", {"count": 2}],
    ["call", "fail", {"reason": "on purpose"}],
    ["call", "refund", {"order": 1}],
    ["call", "nothing", {}],
    ["call", "cancel", {"order": "A-4711"}],
    ["together", ["slow", {"steps": 2}], ["lookup", {"order": "A-4712"}]],
    ["call", "refund", {"order": "A-4711", "amount": 119.9}],
    ["read", "shop://orders/1"],
    ["read", "shop://orders/none"],
]

FILES = [
    ["list"],
    ["call", "read_text_file", {"path": "{files}/note.txt"}],
    ["call", "list_directory", {"path": "{files}"}],
    ["call", "read_text_file", {"path": "{files}/missing.txt"}],
    ["call", "read_text_file", {"path": "/etc/hostname"}],
    ["call", "write_file", {"path": "{files}/new.txt", "content": "written\n"}],
    ["call", "read_text_file", {"path": "{files}/new.txt"}],
]


def files_dir():
    """The folder the filesystem server may see, as every run finds it."""
    folder = WORK / "files"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "note.txt").write_text("a note\n")
    (folder / "new.txt").write_text("old\n")
    return str(folder)


def placed(value):
    """`value` with the folder of the files in place."""
    if isinstance(value, str):
        return value.replace("{files}", str(WORK / "files"))
    if isinstance(value, list):
        return [placed(item) for item in value]
    return {key: placed(member) for key, member in value.items()} if isinstance(value, dict) else value


NODE = "node"
# name: (command, script)
SERVERS = {
    "everything": ([NODE, str(MODULES / "server-everything/dist/index.js"), "stdio"], EVERYTHING),
    "files": ([NODE, str(MODULES / "server-filesystem/dist/index.js"), str(WORK / "files")], placed(FILES)),
    "shop": ([str(NEW), str(PEER / "server.py")], SHOP),
}


def asked(script):
    """(tool, arguments) of every call in a script, in order."""
    for word, *rest in script:
        if word == "call":
            yield tuple(rest)
        elif word == "together":
            yield from map(tuple, rest)


def command(argv, **env):
    return {"command": str(argv[0]), "args": [str(part) for part in argv[1:]], **({"env": env} if env else {})}


def replayed(pack, *more):
    return command([os.environ["GAIT"], "mcp", "replay", "--from", pack, *more])
