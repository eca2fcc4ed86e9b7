"""What the scripted models decide, turn by turn: look an order up, read a note, pay back what the order says.

`PEER_MUTATION` changes that, see MUTATIONS. `GAIT_MCP_CONFIG`, else the first argument, is the config of the servers.
"""
import json
import os
import re
import sys
import time

NOTE = os.environ["PEER_ROOT"] + "/note.txt"


def lookup(_):
    return "lookup", {"order": "A-4711"}


def note(_):
    return "read_text_file", {"path": NOTE}


def refund(outputs):
    """The amount comes out of what the lookup answered, so a replay that answers wrongly shows."""
    told = [float(found) for text in outputs for found in re.findall(r'\\?"amount\\?": *([0-9.]+)', text)]
    return "refund", {"order": "A-4711", "amount": told[0] if told else 0.0}


def tenfold(outputs):
    name, args = refund(outputs)
    return name, {**args, "amount": args["amount"] * 10}


def other(_):
    return "slow", {"steps": 1}


def again(_):
    return "refund", {"order": "A-4711", "amount": 119.9}


def crash(_):
    sys.exit("the agent gave up")


def hang(_):
    time.sleep(600)


MUTATIONS = {
    "": [lookup, note, refund],
    "argument": [lookup, note, tenfold],
    "dropped": [lookup, refund],
    "added": [lookup, note, refund, other],
    "reordered": [note, lookup, refund],
    "renamed": [lookup, note, lambda outputs: ("fail", {"reason": "renamed"})],
    "storm": [lookup, note, refund, again, again, again],
    "crash": [lookup, crash],
    "hang": [lookup, hang],
    "no-calls": [],
}


def decide(outputs):
    """(tool, arguments) of the next call after these tool outputs, or None when there is nothing more to do."""
    plan = MUTATIONS[os.environ.get("PEER_MUTATION", "")]
    return plan[len(outputs)](outputs) if len(outputs) < len(plan) else None


def servers():
    """{name: {command, args}} of the client's config."""
    return json.load(open(os.environ.get("GAIT_MCP_CONFIG") or sys.argv[1]))["mcpServers"]
