#!/usr/bin/env bash
# The shipped image, really built (its last stage, from a static program made here) and run as the runner does: exit code,
# outputs and files have to be those of the program itself. Prints size and start-up. Needs buildah; installs it on Debian.
set -euo pipefail
cd "$(dirname "$0")/../.."
command -v buildah > /dev/null || { apt-get update -qq && apt-get install -y -qq buildah ca-certificates > /dev/null; }

room="$PWD/target/peers/image"
rm -rf "$room"
mkdir -p "$room"/stage/out "$room"/stage/etc/ssl/certs "$room"/context

# As the Dockerfile does it; afterwards the usual program is back in its place.
program="$room/stage/out/gait"
cargo rustc --release --locked --bin gait -- -C target-feature=+crt-static
install -m 0755 target/release/gait "$program"
cargo build --quiet --release --locked --bin gait
if ldd "$program" 2> /dev/null | grep -q '=>'; then
    echo "$program is not static" >&2
    exit 1
fi

cp -L /etc/ssl/certs/ca-certificates.crt "$room/stage/etc/ssl/certs/"
cp Dockerfile "$room/context/"

export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=vfs
image="gait-peer-$$"
box=
remove() {
    test -z "$box" || buildah rm "$box" > /dev/null
    buildah rmi --force "$image" > /dev/null
}
buildah bud --quiet --build-context "build=$room/stage" --tag "$image" "$room/context" > /dev/null
trap remove EXIT
test "$(buildah inspect --type image --format '{{.OCIv1.Config.Entrypoint}}{{.OCIv1.Config.User}}{{.OCIv1.Config.WorkingDir}}' "$image")" = "[/gait]" \
    || { echo "the image has another entry point, a user or a folder to work in" >&2; exit 1; }

# One job: a suite that fails, inputs and files as the runner gives them. One fixture brings a grader in a shell, which the
# image does not have.
job() {
    mkdir -p "$1"/{workspace,home,workflow,file_commands}
    cp -r regress-fixtures "$1/workspace/"
    printf '{}' > "$1/workflow/event.json"
    : > "$1/file_commands/output"
    : > "$1/file_commands/summary"
}
settings() { # where the folders of the job are seen: workspace home rest
    printf '%s\n' "HOME=$2" "GITHUB_WORKSPACE=$1" "GITHUB_EVENT_NAME=push" "GITHUB_EVENT_PATH=$3/workflow/event.json" \
        "GITHUB_OUTPUT=$3/file_commands/output" "GITHUB_STEP_SUMMARY=$3/file_commands/summary" \
        "GITHUB_SHA=1111111111111111111111111111111111111111" "GITHUB_REPOSITORY=octo/agent" GITHUB_ACTIONS=true CI=true \
        "INPUT_COMMAND=regress" "INPUT_CONFIG=regress-fixtures/red/gait.yaml" "INPUT_ARGS=--skip damaged-pack --skip unwanted-mail" \
        "INPUT_FAIL-ON=regression" "INPUT_ARTIFACT-DIR=gait-ci" "INPUT_REQUIRE-CANDIDATE=false"
}

job "$room/direct"
mapfile -t direct < <(settings "$room/direct/workspace" "$room/direct/home" "$room/direct")
code=0
(cd "$room/direct/workspace" && env -i "${direct[@]}" "$program" action) > "$room/direct.log" 2>&1 || code=$?

job "$room/boxed"
box="$(buildah from "$image")"
mapfile -t boxed < <(settings /github/workspace /github/home /github)
for setting in "${boxed[@]}"; do
    buildah config --env "$setting" "$box"
done
boxed_code=0
buildah run --volume "$room/boxed:/github" --workingdir /github/workspace "$box" -- /gait action > "$room/boxed.log" 2>&1 \
    || boxed_code=$?

test "$code" = 5 || { cat "$room/direct.log"; echo "the direct run ended $code" >&2; exit 1; }
test "$boxed_code" = 5 || { cat "$room/boxed.log"; echo "the image ended $boxed_code" >&2; exit 1; }
# The word that ends a value is random, and wall time is wall time.
steady() { sed -E 's/gait_[0-9a-f]{32}/WORD/; s/time="[0-9.]+"/TIME/g; s/[0-9]+(\.[0-9]+)? ms/MS/g' "$1"; }
for file in file_commands/output file_commands/summary workspace/gait-ci/{junit.xml,receipt.json,regress_core_result.json,regress_result.json,report.html,summary.md,summary.txt}; do
    diff <(steady "$room/direct/$file") <(steady "$room/boxed/$file") || { echo "$file differs" >&2; exit 1; }
done
diff <(cd "$room/direct/workspace" && find . | sort) <(cd "$room/boxed/workspace" && find . | sort)

size="$(du -sb "$room/stage" | cut -f 1)"
test "$size" -lt 20000000 || { echo "the image holds $size bytes, 20 MB are allowed" >&2; exit 1; }
start="$(date +%s%N)"
for _ in 1 2 3 4 5 6 7 8 9 10; do "$program" version > /dev/null; done
echo "image: $size bytes; start-up $((($(date +%s%N) - start) / 10000)) us; exit code, outputs and files as without it"
