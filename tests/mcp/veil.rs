//! Secrets: in no byte of journal and pack, and still matched when the agent is replayed.

use crate::kit::{Place, Session, Tests, call, calls, own, read};
use crate::server::ROLE;
use gait::mcp::veil::Veil;
use serde_json::json;

pub const TESTS: Tests = &[
    ("secrets_are_nowhere", secrets_are_nowhere),
    ("a_capture_hides_its_own_secrets_too", a_capture_hides_its_own_secrets_too),
    ("every_spelling_is_found", every_spelling_is_found),
    ("paths_are_hidden", paths_are_hidden),
    ("what_a_path_hides_is_hidden_in_texts_too", what_a_path_hides_is_hidden_in_texts_too),
];

const SECRET: &str = "s3cr\"et/väl\\ue";
const BEARER: &str = "abcDEF.123-456_7";

/// Every byte of every file below the place, packs unpacked.
pub fn everything(place: &Place) -> String {
    let mut all = String::new();
    for path in place.files("", "") {
        let bytes = std::fs::read(&path).unwrap();
        all.push_str(&String::from_utf8_lossy(&bytes));
        if path.as_str().ends_with(".zip") {
            let source = gait::kernel::archive::source::Source::from_bytes(bytes);
            let archive = gait::kernel::archive::read::Archive::new(source, Default::default()).unwrap();
            for entry in archive.entries() {
                let bytes = archive.bytes(&entry.name, 1 << 30).unwrap().unwrap();
                all.push_str(&String::from_utf8_lossy(&bytes));
            }
        }
    }
    all
}

fn secrets_are_nowhere() {
    let place = Place::new();
    let own = own();
    let mut tee = place.gait(&["mcp", "record", "--run-dir", "run", "--", &own]);
    let mut session = Session::start(tee.env(ROLE, "old").env("API_TOKEN", SECRET).env("SHORT_KEY", "abc"));
    let answer = session.talk(&call(1, "env", json!({"name": "API_TOKEN"})));
    assert_eq!(answer["result"]["content"][0]["text"], SECRET, "the client hears the real one");
    let header = format!("Authorization: Bearer {BEARER}");
    session.talk(&call(2, "echo", json!({"header": header, "url": format!("https://x/?t={SECRET}&v=abc")})));
    // Every letter may be spelled as an escape.
    session.send("{\"id\":3,\"method\":\"tools/call\",\"params\":{\"name\":\"echo\",\"arguments\":{\"x\":\"s3cr\\u0022et\\/v\\u00e4l\\\\\\u0075e\"}}}\n");
    assert_eq!(session.hear()["result"]["structuredContent"]["x"], SECRET);
    session.close();
    place.run(&["run", "seal", "run", "--out", "pack.zip"], 0);
    let all = everything(&place);
    for hidden in [SECRET, "s3cr", BEARER, "ue&v"] {
        assert!(!all.contains(hidden), "{hidden} is there");
    }
    let path = place.path().join("pack.zip");
    place.verified(&path);
    let (pack, catalog) = read(&path);
    let told: Vec<_> = catalog.redactions.iter().map(|r| r.variable.as_deref()).collect();
    assert_eq!(told.len(), 2);
    assert!(told.contains(&Some("API_TOKEN")) && told.contains(&None));
    let mark = catalog.redactions.iter().find(|r| r.variable.is_some()).unwrap().mark.clone();
    assert_eq!(mark.len(), "hmac:".len() + 8 + 1 + 24);
    assert_eq!(calls(&pack)[2].1, format!("{{\"x\":\"{mark}\"}}"));
    assert!(calls(&pack)[1].1.contains(&format!("https://x/?t={mark}&v=abc")));
    // What only the replay was asked is written as carefully.
    let mut replay = place.gait(&["mcp", "replay", "--from", path.as_str(), "--candidate-out", "candidate.zip"]);
    let mut session = Session::start(replay.env("OTHER_SECRET", "another-secret"));
    assert!(session.talk(&call(1, "echo", json!({"new": "another-secret"})))["result"]["isError"] == json!(true));
    session.close();
    assert!(!everything(&place).contains("another-secret"));
    let (_, candidate) = read(&place.path().join("candidate.zip"));
    assert!(candidate.redactions.iter().any(|r| r.variable.as_deref() == Some("OTHER_SECRET")));
    // Replay: the variable's value of today matches, another does not; unset, anything does.
    for (value, asked, matches) in
        [(Some("new-value"), "new-value", true), (Some("new-value"), SECRET, false), (None, "whatever", true)]
    {
        let mut replay = place.gait(&["mcp", "replay", "--from", path.as_str()]);
        if let Some(value) = value {
            replay.env("API_TOKEN", value);
        }
        let mut session = Session::start(&mut replay);
        let args = json!({"header": "Authorization: Bearer other", "url": format!("https://x/?t={asked}&v=abc")});
        let answer = session.talk(&call(1, "echo", args));
        assert_eq!(answer["result"]["isError"] != json!(true), matches, "{asked}: {answer}");
        session.close();
    }
}

fn a_capture_hides_its_own_secrets_too() {
    let place = Place::new();
    let own = own();
    let tee = format!("{} mcp record -- {own}", env!("CARGO_BIN_EXE_gait"));
    let mut capture = place.gait(&["run", "capture", "--out", "pack.zip", "--", &own]);
    // The agent starts its servers with a bare environment.
    capture.env(ROLE, "agent").env("MCP_TEST_SERVERS", tee).env("DB_PASSWORD", "hunter2hunter2");
    capture.env("MCP_TEST_ASK", call(1, "echo", json!({"login": "me:hunter2hunter2@db"})).to_string());
    let output = capture.output().unwrap();
    assert_eq!(output.status.code(), Some(5));
    let (pack, catalog) = read(&place.path().join("pack.zip"));
    assert_eq!(pack.intents.len(), 1);
    assert!(!everything(&place).contains("hunter2"));
    assert_eq!(catalog.redactions[0].variable.as_deref(), Some("DB_PASSWORD"));
}

fn every_spelling_is_found() {
    let veil = |paths: &[String]| Veil::new([("A_KEY".to_owned(), SECRET.to_owned())], paths);
    let veil = veil(&[]).unwrap();
    let inside = json!({"text": json!({"deep": SECRET}).to_string()}).to_string();
    let as_key = json!({SECRET: 1}).to_string();
    let not_json = format!("log: {SECRET} {{");
    for frame in [inside.as_str(), &as_key, &not_json, "[\"BEARER  abcdefgh\"]", "bearer\tabcdefgh"] {
        let (covered, marks) = veil.cover(frame);
        assert!(!covered.contains("et/v") && !covered.contains("abcdefgh"), "{covered}");
        assert_eq!(marks.len(), 1, "{frame}");
    }
    for frame in ["{\"a\": \"bearer of bad news\"}", "{\"a\":\"\\u0041\"}", "{}", "Bearer"] {
        assert_eq!(veil.cover(frame).0, frame);
    }
}

fn paths_are_hidden() {
    let paths = ["$.user.mail", "$.list[*].pin", "$..ssn", "$.list[0].name"].map(str::to_owned);
    let veil = Veil::new([], &paths).unwrap();
    let args = json!({"user": {"mail": "a@b", "name": "A"}, "list": [{"pin": 1, "name": "x"}, {"pin": [2]}], "q": [{"ssn": "7"}]});
    let frame = call(1, "t", args).to_string();
    let (covered, marks) = veil.cover(&frame);
    let value: serde_json::Value = serde_json::from_str(&covered).unwrap();
    let args = &value["params"]["arguments"];
    let hidden = ["/user/mail", "/list/0/pin", "/list/1/pin", "/q/0/ssn", "/list/0/name"];
    assert!(hidden.iter().all(|at| args.pointer(at).unwrap().as_str().unwrap().starts_with("hmac:")), "{args}");
    assert_eq!((&args["user"]["name"], marks.len()), (&json!("A"), 5));
    for wrong in ["", "user", "$", "$user", "$.a[x]", "$.a[1", "$."] {
        assert!(Veil::new([], &[wrong.to_owned()]).is_err(), "{wrong}");
    }
}

fn what_a_path_hides_is_hidden_in_texts_too() {
    let veil = Veil::new([], &["$.card.number".to_owned(), "$.pin".to_owned()]).unwrap();
    let structured = json!({"card": {"number": "5500-0000"}, "pin": 1234, "rate": 1.5});
    let pretty = serde_json::to_string_pretty(&structured).unwrap();
    let content = json!([{"type": "text", "text": pretty}, {"type": "resource", "resource": {"text": pretty}}]);
    let answer = json!({"jsonrpc": "2.0", "id": 1, "result": {"content": content, "structuredContent": structured}});
    let later = json!({"jsonrpc": "2.0", "id": 2, "error": {"code": 1, "message": "5500-0000 again"}});
    for frame in [answer.to_string(), later.to_string()] {
        let (covered, marks) = veil.cover(&frame);
        assert!(!covered.contains("5500-0000") && !covered.contains("1234") && !marks.is_empty(), "{covered}");
    }
    let covered: serde_json::Value = serde_json::from_str(&veil.cover(&answer.to_string()).0).unwrap();
    let text: serde_json::Value =
        serde_json::from_str(covered["result"]["content"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(text, covered["result"]["structuredContent"], "the same marks in both");
    // A text without anything to hide stays as it was written.
    let plain = json!({"id": 3, "result": {"content": [{"type": "text", "text": "{ \"card\": 1 }"}]}}).to_string();
    assert_eq!(veil.cover(&plain).0, plain);
}
