#!/usr/bin/env bash
# GitHub's own words: the events of the tests are valid by its webhook schemas, and every call the tests see passes a
# server that knows its OpenAPI description. Installs its tools below target/.
set -euo pipefail
cd "$(dirname "$0")/../.."
tools="$PWD/target/peers/github"
lint="$PWD/target/peers/lint/bin/check-jsonschema"
mkdir -p "$tools"
if ! test -x "$tools/node_modules/.bin/prism"; then
    npm install --silent --no-audit --no-fund --prefix "$tools" @octokit/openapi@23.0.2 @octokit/webhooks-schemas@7.6.1 \
        @stoplight/prism-cli@5.14
fi
test -x "$lint" || tests/peers/workflows.sh

python3 tests/peers/github.py "$tools"
for event in tests/action/payloads/*.json; do
    "$lint" --quiet --schemafile "$tools/$(basename "$event" .json).schema.json" "$event"
done
echo "the events are valid"

port=4719
"$tools/node_modules/.bin/prism" mock --errors --host 127.0.0.1 --port "$port" "$tools/pruned.json" > "$tools/prism.log" 2>&1 &
prism=$!
trap 'kill "$prism"' EXIT
for _ in $(seq 300); do
    if (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null; then break; fi
    sleep 0.2
done
code="$(curl --silent --output /dev/null --write-out '%{http_code}' --header 'content-type: application/json' --data '{"nobody": 1}' \
    "http://127.0.0.1:$port/repos/octo/agent/issues/7/comments")"
test "$code" = 422 || { cat "$tools/prism.log"; echo "the referee says $code to a wrong call" >&2; exit 1; }
GITHUB_REFEREE="127.0.0.1:$port" ${SLOT:-} cargo test --test action
echo "every call is as GitHub describes it"
