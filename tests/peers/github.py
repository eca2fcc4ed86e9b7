"""Cuts GitHub's API description down to the calls the action makes, and its webhook schemas to one event each."""

import json
import sys
from pathlib import Path

CALLS = {
    "/user": ["get"],
    "/repos/{owner}/{repo}/pulls/{pull_number}": ["get"],
    "/repos/{owner}/{repo}/issues/{issue_number}/comments": ["get", "post"],
    "/repos/{owner}/{repo}/issues/comments/{comment_id}": ["patch", "delete"],
    "/repos/{owner}/{repo}/check-runs": ["post"],
    "/repos/{owner}/{repo}/check-runs/{check_run_id}": ["patch"],
}
EVENTS = {
    "pull_request": "pull_request$synchronize",
    "pull_request_fork": "pull_request$synchronize",
    "pull_request_gone": "pull_request$synchronize",
    "merge_group": "merge_group$checks_requested",
    "workflow_run": "workflow_run$completed",
    "push": "push$event",
}


def references(value):
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def prune(whole):
    kept = {key: whole[key] for key in ("openapi", "info")}
    kept["paths"] = {}
    for path, methods in CALLS.items():
        found = whole["paths"][path]
        kept["paths"][path] = {key: value for key, value in found.items() if key in methods or key == "parameters"}
    kept["components"] = {}
    waiting = list(references(kept["paths"]))
    while waiting:
        _, _, kind, name = waiting.pop().split("/")
        into = kept["components"].setdefault(kind, {})
        if name not in into:
            into[name] = whole["components"][kind][name]
            waiting.extend(references(into[name]))
    return kept


tools = Path(sys.argv[1])
packages = tools / "node_modules/@octokit"
whole = json.loads((packages / "openapi/generated/api.github.com.json").read_text())
(tools / "pruned.json").write_text(json.dumps(prune(whole)))
schemas = json.loads((packages / "webhooks-schemas/schema.json").read_text())
for event, name in EVENTS.items():
    schema = {**schemas, "oneOf": [{"$ref": f"#/definitions/{name}"}]}
    (tools / f"{event}.schema.json").write_text(json.dumps(schema))
