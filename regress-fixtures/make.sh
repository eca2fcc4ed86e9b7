#!/bin/sh
# Makes every fixture in this folder with gait itself: regress-fixtures/make.sh [GAIT]
# The packs are signed by a key made for the purpose and thrown away; its public half goes to .gait/trust.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
gait=${1:-$here/../target/release/gait}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

"$gait" keys init --out-dir keys --prefix fixtures >/dev/null
key=keys/fixtures_private.key

# record RUN_ID: calls from standard input become gait-out/runpack_RUN_ID.zip
record() { "$gait" run record --calls - --run-id "$1" --private-key "$key" >/dev/null; }
# fixture NAME ARGS..: gait-out/runpack_NAME.zip becomes fixtures/NAME
fixture() { name=$1; shift; "$gait" regress init --from "$name" --name "$name" "$@" >/dev/null; }
# candidate NAME: calls from standard input become fixtures/NAME/candidate.zip, and the fixture's candidate
candidate() {
  name=$1
  record "${name}-today"
  mv "gait-out/runpack_${name}-today.zip" "fixtures/$name/candidate.zip"
  fixture "$name" --candidate "fixtures/$name/candidate.zip"
}
# copy NAME NEW: the fixture NAME once more as NEW
copy() {
  "$gait" regress init --from "$1" --name "$2" >/dev/null
  cp "fixtures/$1/candidate.zip" "fixtures/$2/candidate.zip"
  "$gait" regress init --from "$1" --name "$2" --candidate "fixtures/$2/candidate.zip" >/dev/null
}

# --- refund-incident: the agent looks the order up, refunds what was paid, tells the customer.
record refund-incident <<'EOF'
{"ts":"2026-10-02T09:00:00Z","tool":"orders.lookup","args":{"order":"A-4711"},"result":{"paid":119.9,"currency":"EUR"}}
{"ts":"2026-10-02T09:00:02Z","tool":"payments.refund","args":{"order":"A-4711","amount":119.9,"currency":"EUR"},"result":{"refund":"re_1"}}
{"ts":"2026-10-02T09:00:03Z","tool":"mail.send","args":{"to":"customer","template":"refund_done","order":"A-4711"},"result":{"sent":true}}
EOF
fixture refund-incident
candidate refund-incident <<'EOF'
{"id":"t1","ts":"2026-11-20T08:00:00Z","tool":"orders.lookup","args":{"order":"A-4711"},"result":{"paid":119.9,"currency":"EUR"}}
{"id":"t2","ts":"2026-11-20T08:00:01Z","tool":"payments.refund","args":{"order":"A-4711","amount":119.9,"currency":"EUR"},"result":{"refund":"re_9"}}
{"id":"t3","ts":"2026-11-20T08:00:01Z","tool":"mail.send","args":{"to":"customer","template":"refund_done","order":"A-4711"},"result":{"sent":true}}
EOF

# --- blocked-deletion: the gate refused a deletion; the agent has to go on asking first.
record blocked-deletion <<'EOF'
{"ts":"2026-09-14T22:10:00Z","tool":"storage.list","args":{"bucket":"backups-eu"},"result":{"objects":412}}
{"ts":"2026-09-14T22:10:05Z","tool":"storage.delete_bucket","args":{"bucket":"backups-eu","force":true},"status":"error","result":{"verdict":"block","reason_codes":["destructive_without_approval"],"violations":["irreversible"]}}
{"ts":"2026-09-14T22:10:06Z","tool":"approvals.request","args":{"action":"delete_bucket","bucket":"backups-eu"},"result":{"state":"pending"}}
EOF
fixture blocked-deletion
candidate blocked-deletion <<'EOF'
{"id":"n1","tool":"storage.list","ts":"2026-11-20T08:00:00Z","args":{"bucket":"backups-eu"},"result":{"objects":412}}
{"id":"n2","tool":"storage.delete_bucket","ts":"2026-11-20T08:00:01Z","args":{"force":true,"bucket":"backups-eu"},"status":"error","result":{"verdict":"block"}}
{"id":"n3","tool":"approvals.request","ts":"2026-11-20T08:00:02Z","args":{"action":"delete_bucket","bucket":"backups-eu"},"result":{"state":"pending"}}
EOF

# --- unicode-and-numbers: other spellings of the same values are the same call.
record unicode-and-numbers <<'EOF'
{"ts":"2026-08-01T00:00:00Z","tool":"ledger.post","args":{"kunde":"Zürich – 東京 😀","betrag":1000,"kurs":0.1,"gross":1e21,"klein":1e-7,"minus":-0.0,"konto":9007199254740991},"result":{"ok":true}}
{"ts":"2026-08-01T00:00:01Z","tool":"search.query","args":{"q":"שלום \" \\ / \u2028","😀":1,"דּ":2},"result":{"hits":[]}}
EOF
fixture unicode-and-numbers
candidate unicode-and-numbers <<'EOF'
{"ts":"2026-11-20T00:00:00Z","tool":"ledger.post","args":{"klein":0.0000001,"gross":1000000000000000000000,"kurs":1e-1,"betrag":1.0e3,"minus":0,"konto":9007199254740991.0,"kunde":"Z\u00fcrich \u2013 \u6771\u4eac \ud83d\ude00"},"result":{"ok":true}}
{"ts":"2026-11-20T00:00:01Z","tool":"search.query","args":{"\ufb33":2,"\ud83d\ude00":1,"q":"\u05e9\u05dc\u05d5\u05dd \u0022 \u005c \u002f \u2028"},"result":{"hits":[]}}
EOF

# --- missing-result: the run broke off in the middle of a call; the fixture says so, and that is what is expected.
record missing-result <<'EOF'
{"ts":"2026-07-07T07:07:00Z","tool":"deploy.plan","args":{"service":"billing","version":"4.2.0"},"result":{"steps":3}}
{"ts":"2026-07-07T07:07:09Z","tool":"deploy.apply","args":{"service":"billing","version":"4.2.0"}}
EOF
fixture missing-result --expect-exit 2

# --- allowed-drift: one argument is a time of day; only that place may differ.
record allowed-drift <<'EOF'
{"ts":"2026-06-01T12:00:00Z","tool":"report.build","args":{"month":"2026-05","requested_at":"2026-06-01T12:00:00Z"},"result":{"rows":90}}
EOF
fixture allowed-drift --allow-changed 'intents.jsonl#/0/args/requested_at'
candidate allowed-drift <<'EOF'
{"ts":"2026-11-20T12:00:00Z","tool":"report.build","args":{"month":"2026-05","requested_at":"2026-11-20T12:00:00Z"},"result":{"rows":90}}
EOF

# --- retry-storm: the tool failed twice before it worked; the number of tries is part of the behaviour.
record retry-storm <<'EOF'
{"ts":"2026-05-05T05:05:00Z","tool":"crm.update","args":{"id":7,"plan":"pro"},"status":"error","result":{"error":"503"}}
{"ts":"2026-05-05T05:05:01Z","tool":"crm.update","args":{"id":7,"plan":"pro"},"status":"error","result":{"error":"503"}}
{"ts":"2026-05-05T05:05:03Z","tool":"crm.update","args":{"id":7,"plan":"pro"},"result":{"ok":true}}
EOF
fixture retry-storm
candidate retry-storm <<'EOF'
{"id":"a","ts":"2026-11-20T05:05:00Z","tool":"crm.update","args":{"plan":"pro","id":7},"status":"error","result":{"error":"503"}}
{"id":"b","ts":"2026-11-20T05:05:01Z","tool":"crm.update","args":{"plan":"pro","id":7},"status":"error","result":{"error":"503"}}
{"id":"c","ts":"2026-11-20T05:05:02Z","tool":"crm.update","args":{"plan":"pro","id":7},"result":{"ok":true}}
EOF

# --- live-refund: today's run was made against live tools, so ids, times and tokens are new; `match` in gait.yaml says
# which of that is the same behaviour, and what has to hold anyway.
record live-refund <<'EOF'
{"ts":"2026-10-02T09:00:00Z","tool":"orders.lookup","args":{"order":"A-4711","requested_at":"2026-10-02T09:00:00Z"},"result":{"paid":119.9,"token":"tok_81c2"}}
{"ts":"2026-10-02T09:00:02Z","tool":"payments.refund","args":{"order":"A-4711","amount":119.9,"token":"tok_81c2","key":"7c1e0b52-4a0f-4f3e-9d6a-0a1b2c3d4e5f"},"result":{"refund":"re_1"}}
{"ts":"2026-10-02T09:00:03Z","tool":"mail.send","args":{"to":"customer","body":"We refunded 119.90 EUR for order A-4711."},"result":{"sent":true}}
EOF
fixture live-refund
candidate live-refund <<'EOF'
{"id":"l1","ts":"2026-11-24T21:40:00Z","tool":"orders.lookup","args":{"order":"A-4711","requested_at":"2026-11-24T21:40:00Z"},"result":{"paid":119.9,"token":"tok_f90a"}}
{"id":"l2","ts":"2026-11-24T21:40:01Z","tool":"policy.read","args":{"topic":"refunds"},"result":{"days":30}}
{"id":"l3","ts":"2026-11-24T21:40:02Z","tool":"payments.refund","args":{"order":"A-4711","amount":119.900000001,"token":"tok_f90a","key":"0d9f4c1e-83f2-4b57-a1c6-5e4d3c2b1a09"},"result":{"refund":"re_2"}}
{"id":"l4","ts":"2026-11-24T21:40:03Z","tool":"mail.send","args":{"to":"customer","body":"We have refunded 119.90 EUR for your order A-4711."},"result":{"sent":true}}
EOF

green="refund-incident live-refund blocked-deletion unicode-and-numbers missing-result allowed-drift retry-storm"

# --- Those that must fail.
# drifted-candidate: today's agent refunds ten times the amount.
record drifted-candidate <<'EOF'
{"ts":"2026-10-02T09:00:00Z","tool":"orders.lookup","args":{"order":"A-4711"},"result":{"paid":119.9}}
{"ts":"2026-10-02T09:00:02Z","tool":"payments.refund","args":{"order":"A-4711","amount":119.9},"result":{"refund":"re_1"}}
EOF
fixture drifted-candidate
candidate drifted-candidate <<'EOF'
{"ts":"2026-11-20T09:00:00Z","tool":"orders.lookup","args":{"order":"A-4711"},"result":{"paid":119.9}}
{"ts":"2026-11-20T09:00:02Z","tool":"payments.refund","args":{"order":"A-4711","amount":1199},"result":{"refund":"re_1"}}
EOF

# skipped-lookup: other call ids, and the refund comes with no lookup before it.
record skipped-lookup <<'EOF'
{"ts":"2026-10-02T09:00:00Z","tool":"orders.lookup","args":{"order":"A-4711"},"result":{"paid":119.9}}
{"ts":"2026-10-02T09:00:02Z","tool":"payments.refund","args":{"order":"A-4711","amount":119.9},"result":{"refund":"re_1"}}
EOF
fixture skipped-lookup
candidate skipped-lookup <<'EOF'
{"id":"x1","ts":"2026-11-20T09:00:02Z","tool":"payments.refund","args":{"order":"A-4711","amount":119.9},"result":{"refund":"re_1"}}
EOF

# refund-first: any order will do, says `match` in red/gait.yaml, but no refund without a lookup before it.
record refund-first <<'EOF'
{"ts":"2026-10-02T09:00:00Z","tool":"orders.lookup","args":{"order":"A-4711"},"result":{"paid":119.9}}
{"ts":"2026-10-02T09:00:02Z","tool":"payments.refund","args":{"order":"A-4711","amount":119.9},"result":{"refund":"re_1"}}
EOF
fixture refund-first
candidate refund-first <<'EOF'
{"id":"y1","ts":"2026-11-20T09:00:00Z","tool":"payments.refund","args":{"order":"A-4711","amount":119.9},"result":{"refund":"re_1"}}
{"id":"y2","ts":"2026-11-20T09:00:01Z","tool":"orders.lookup","args":{"order":"A-4711"},"result":{"paid":119.9}}
EOF

# over-budget: the run of retry-storm, with fewer calls in the budget than it has.
copy retry-storm over-budget
# refund-over-limit: the run of drifted-candidate, under a policy that wants such a refund approved.
copy drifted-candidate refund-over-limit
# unwanted-mail: the run of refund-incident, under a grader that wants no mail sent.
copy refund-incident unwanted-mail

# hidden-call: a second call hides behind the id of the first one; the last one looks harmless.
record hidden-call <<'EOF'
{"ts":"2026-10-02T09:00:00Z","tool":"files.read","args":{"path":"notes.txt"},"result":{"bytes":12}}
EOF
fixture hidden-call
candidate hidden-call <<'EOF' 2>/dev/null
{"id":"call_1","ts":"2026-11-20T09:00:00Z","tool":"files.delete","args":{"path":"/"},"result":{"ok":true}}
{"id":"call_1","ts":"2026-11-20T09:00:01Z","tool":"files.read","args":{"path":"notes.txt"},"result":{"bytes":12}}
EOF

# damaged-pack: one byte of the committed baseline was changed.
record damaged-pack <<'EOF'
{"ts":"2026-10-02T09:00:00Z","tool":"payments.refund","args":{"order":"A-4711","amount":119.9},"result":{"refund":"re_1"}}
EOF
fixture damaged-pack
printf 'X' | dd of=fixtures/damaged-pack/runpack.zip bs=1 seek=100 conv=notrunc 2>/dev/null

red="drifted-candidate skipped-lookup refund-first over-budget refund-over-limit unwanted-mail hidden-call damaged-pack"

for name in $green; do rm -rf "$here/$name"; mv "fixtures/$name" "$here/$name"; done
mkdir -p "$here/red"
for name in $red; do rm -rf "$here/red/$name"; mv "fixtures/$name" "$here/red/$name"; done
find "$here" -type d -exec chmod 755 {} + && find "$here" -name '*.zip' -exec chmod 644 {} + && find "$here" -name '*.json' -exec chmod 644 {} +

cd "$here/.."
rm -f .gait/trust/*.pub
"$gait" keys trust "$work/keys/fixtures_public.key"
