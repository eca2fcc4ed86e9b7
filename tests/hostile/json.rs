//! Packs whose JSON is no JSON, or means two things.

use crate::kind::Kind;
use crate::pack::Pack;
use gait::kernel::json::canon;

pub fn kinds() -> Vec<Kind> {
    let mut kinds = duplicates();
    kinds.extend(manifests());
    kinds.extend(positional());
    kinds.extend(documents());
    kinds.extend(lanes());
    kinds
}

/// A sound pack whose manifest is changed as text.
fn manifest(change: impl FnOnce(String) -> Vec<u8>) -> Vec<u8> {
    let pack = Pack::sound();
    let text = String::from_utf8(canon::of(&pack.signed()).unwrap()).unwrap();
    pack.under_text(change(text)).write()
}

fn duplicates() -> Vec<Kind> {
    let twice = |name: &str, why: &str, entry: &str, from: &str, to: &str| {
        Kind::fails(name, why, "duplicate key", &Pack::with(entry, from, to).zip())
    };
    vec![
        Kind::invalid(
            "duplicate-key-manifest",
            "the manifest names two runs",
            "duplicate key",
            manifest(|text| text.replacen('{', r#"{"run_id":"run_other","#, 1).into_bytes()),
        ),
        Kind::invalid(
            "duplicate-key-files-item",
            "a declared file has two hashes",
            "duplicate key",
            manifest(|text| text.replacen(r#"{"path""#, r#"{"sha256":"00","path""#, 1).into_bytes()),
        ),
        Kind::invalid(
            "duplicate-key-unknown",
            "a key that nobody knows holds one key twice",
            "duplicate key",
            manifest(|text| text.replacen('{', r#"{"a":{"b":1,"b":2},"#, 1).into_bytes()),
        ),
        twice("duplicate-key-run", "run.json has two environments", "run.json", "{", r#"{"env":{"os":"plan9"},"#),
        twice("duplicate-key-refs", "refs.json has two lists of receipts", "refs.json", "{", r#"{"receipts":[],"#),
        twice("duplicate-key-record", "an intent has two tools", "intents.jsonl", "{", r#"{"tool_name":"read","#),
        twice(
            "duplicate-key-args",
            "an argument is given twice",
            "intents.jsonl",
            r#""amount":1"#,
            r#""amount":1,"amount":9"#,
        ),
        twice(
            "duplicate-key-escaped",
            "an argument is given twice, the second time with its name escaped",
            "intents.jsonl",
            r#""amount":1"#,
            r#""amount":1,"\u0061mount":9"#,
        ),
        twice(
            "duplicate-key-deep",
            "a key stands twice deep inside an argument",
            "intents.jsonl",
            r#""amount":1"#,
            r#""amount":[[{"x":{"y":1,"y":2}}]]"#,
        ),
    ]
}

fn manifests() -> Vec<Kind> {
    let invalid = |name: &str, why: &str, says: &str, change: &dyn Fn(String) -> Vec<u8>| {
        Kind::invalid(name, why, says, manifest(change))
    };
    let text = |text: &'static str| move |_: String| text.as_bytes().to_vec();
    vec![
        invalid("manifest-bom", "the manifest starts with a byte-order mark", "invalid JSON", &|text| {
            format!("\u{FEFF}{text}").into_bytes()
        }),
        invalid("manifest-not-utf8", "the manifest is not UTF-8", "UTF-8", &|text| {
            let mut bytes = text.into_bytes();
            let at = bytes.windows(7).position(|w| w == b"hostile").unwrap();
            bytes[at] = 0xff;
            bytes
        }),
        invalid("manifest-utf16", "the manifest is UTF-16", "UTF-8", &|text| {
            let units = std::iter::once(0xFEFF).chain(text.encode_utf16());
            units.flat_map(u16::to_le_bytes).collect()
        }),
        invalid("manifest-trailing-data", "a second object follows the manifest", "more text follows", &|text| {
            format!("{text}{{}}").into_bytes()
        }),
        invalid("manifest-cut-off", "the manifest ends in its middle", "without an end", &|text| {
            text.as_bytes()[..200].to_vec()
        }),
        invalid("manifest-comment", "there is a comment in the manifest", "invalid JSON", &|text| {
            text.replacen('{', "{/**/", 1).into_bytes()
        }),
        invalid("manifest-single-quotes", "the manifest is JSON5", "invalid JSON", &|text| {
            text.replace('"', "'").into_bytes()
        }),
        invalid("manifest-empty", "the manifest is empty", "invalid JSON", &text("")),
        invalid("manifest-null", "the manifest is null", "invalid type", &text("null")),
        invalid("manifest-number", "the manifest is a number", "invalid type", &text("7")),
        invalid("manifest-list", "the manifest is a list", "invalid type", &text("[]")),
        invalid("manifest-text", "the manifest is a text", "invalid type", &text(r#""gait.runpack.manifest""#)),
        invalid("manifest-deep", "the manifest is nested without end", "10000 levels", &|text| {
            let deep = format!(r#"{{"x":{}{},"#, "[".repeat(10_001), "]".repeat(10_001));
            text.replacen('{', &deep, 1).into_bytes()
        }),
        invalid("manifest-number-range", "a number in the manifest is no double", "range of a double", &|text| {
            text.replacen('{', r#"{"x":1e400,"#, 1).into_bytes()
        }),
        invalid("manifest-wrong-type", "the manifest's run id is a number", "invalid type", &|text| {
            text.replace(r#""run_id":"run_hostile""#, r#""run_id":7"#).into_bytes()
        }),
        invalid("manifest-bad-time", "the manifest's time is no time", "RFC 3339", &|text| {
            text.replace("2026-03-01", "2026-02-30").into_bytes()
        }),
        invalid("manifest-false-escape", "an escape in the manifest is none", "malformed escape", &|text| {
            text.replacen("hostile", r"\u00+1", 1).into_bytes()
        }),
    ]
}

/// The values of an object in the order a derived reader expects them.
fn positional() -> Vec<Kind> {
    let pack = Pack::sound();
    let signed = pack.signed();
    let keys = ["schema_id", "schema_version", "created_at", "producer_version", "run_id", "capture_mode", "files"];
    let mut list: Vec<_> = keys.iter().chain(&["manifest_digest", "signatures"]).map(|key| &signed[*key]).collect();
    let as_list = pack.under_text(canon::of(&list).unwrap()).write();
    let mut files = signed.clone();
    for file in files["files"].as_array_mut().unwrap() {
        *file = serde_json::json!([file["path"], file["sha256"]]);
    }
    let run: serde_json::Value = serde_json::from_slice(&pack.run).unwrap();
    list = keys[..5].iter().chain(&["env", "timeline"]).map(|key| &run[*key]).collect();
    let mut listed = pack.clone();
    listed.run = canon::of(&list).unwrap();
    let env = Pack::with("run.json", &canon_text(&run["env"]), r#"["linux","amd64","rust"]"#);
    vec![
        Kind::invalid("positional-manifest", "the manifest is a list of its values in order", "invalid type", as_list),
        Kind::invalid(
            "positional-files",
            "the declared files are lists of path and hash",
            "invalid type",
            pack.under(&files).write(),
        ),
        Kind::fails("positional-run", "run.json is a list of its values in order", "invalid type", &listed.zip()),
        Kind::fails("positional-env", "the environment is a list of its values in order", "invalid type", &env.zip()),
    ]
}

fn canon_text(value: &serde_json::Value) -> String {
    String::from_utf8(canon::of(value).unwrap()).unwrap()
}

fn documents() -> Vec<Kind> {
    let fails = |name: &str, why: &str, says: &str, entry: &str, bytes: &[u8]| {
        let mut pack = Pack::sound();
        *pack.slot(entry) = bytes.to_vec();
        Kind::fails(name, why, says, &pack.zip())
    };
    vec![
        fails("run-not-json", "run.json is no JSON", "run.json: invalid JSON", "run.json", b"run"),
        fails("run-null", "run.json is null", "run.json", "run.json", b"null"),
        fails("run-empty", "run.json is empty", "run.json: invalid JSON", "run.json", b""),
        fails("refs-list", "refs.json is a list", "refs.json: invalid type", "refs.json", b"[]"),
        Kind::fails(
            "timeline-object",
            "the timeline is an object",
            "run.json: invalid type",
            &Pack::with("run.json", r#""timeline":[{"#, r#""timeline":{"a":[{"#)
                .text_end("run.json", "]}", "]}}")
                .zip(),
        ),
    ]
}

fn lanes() -> Vec<Kind> {
    let lane = |name: &str, why: &str, says: &str, bytes: &[u8]| {
        let mut pack = Pack::sound();
        pack.results.extend_from_slice(bytes);
        Kind::fails(name, why, says, &pack.zip())
    };
    let arg = |name: &str, why: &str, says: &str, value: &str| {
        let to = format!(r#""amount":{value}"#);
        Kind::fails(name, why, says, &Pack::with("intents.jsonl", r#""amount":1"#, &to).zip())
    };
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    vec![
        lane("line-broken", "a record is cut off", "line 3: invalid JSON", b"{\"intent_id\":\"intent_3\"\n"),
        lane("line-list", "a record is a list", "line 3: a record has to be", b"[\"intent_3\"]\n"),
        lane("line-text", "a record is a text", "line 3: a record has to be", b"\"intent_3\"\n"),
        lane("line-two-records", "two records stand on one line", "line 3: invalid JSON", b"{}{}\n"),
        lane("line-bom", "a line starts with a byte-order mark", "line 3: invalid JSON", b"\xef\xbb\xbf{}\n"),
        lane("line-nul", "a line of zero bytes", "line 3: invalid JSON", &[0; 16]),
        lane(
            "line-spread",
            "a record is spread over lines",
            "line 3: invalid JSON",
            b"{\n\"intent_id\":\"intent_3\"}\n",
        ),
        lane("line-wrong-type", "a record's status is a number", "`status` has to be", b"{\"status\":200}\n"),
        lane("line-result-list", "a record's result is a list", "`result` has to be", b"{\"result\":[1]}\n"),
        lane("line-bad-time", "a record's time is no time", "RFC 3339", b"{\"created_at\":\"yesterday\"}\n"),
        lane("line-empty-record", "a record is null", "line 3: the record names no schema", b"null\n"),
        arg("arg-number-range", "an argument is a number that is no double", "range of a double", "1e400"),
        arg("arg-number-form", "an argument is a number with a leading zero", "line 1: invalid JSON", "01"),
        arg("arg-nan", "an argument is not a number", "line 1: invalid JSON", "NaN"),
        arg("arg-deep", "an argument is nested without end", "10000 levels", &deep),
        arg("arg-false-escape", "an argument holds an escape that is none", "malformed escape", r#""\u00+1""#),
        arg("arg-control-character", "an argument holds a raw control character", "control character", "\"a\tb\""),
    ]
}
