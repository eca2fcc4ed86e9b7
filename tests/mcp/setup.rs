//! `gait mcp setup`: servers get their recorder, everything else stays as it was written.

use crate::kit::{Place, Session, Tests, call, own};
use crate::server::ROLE;
use gait::mcp::setup::plan;
use serde_json::{Value, json};

pub const TESTS: Tests = &[
    ("a_config_is_rewritten_once", a_config_is_rewritten_once),
    ("what_is_no_config_is_refused", what_is_no_config_is_refused),
    ("a_rewritten_server_is_recorded", a_rewritten_server_is_recorded),
];

const OLD: &str = r#"{
  "zeta": [1.50, "kept"],
  "mcpServers": {
    "fs": {
      "command": "npx",
      "args": [
        "-y",
        "server-fs"
      ],
      "env": {"A": "b"}
    },
    "db": {"type": "stdio", "command": "\/opt\/db", "args": [], "x": 1e3},
    "bare": {
      "command": "bare"
    },
    "web": {"url": "https://example.com"}
  }
}
"#;

const NEW: &str = r#"{
  "zeta": [1.50, "kept"],
  "mcpServers": {
    "fs": {
      "command": "gait",
      "args": [
        "mcp",
        "record",
        "--server",
        "fs",
        "--",
        "npx",
        "-y",
        "server-fs"
      ],
      "env": {"A": "b"}
    },
    "db": {"type": "stdio", "command": "gait", "args": ["mcp", "record", "--server", "db", "--", "\/opt\/db"], "x": 1e3},
    "bare": {
      "command": "gait",
      "args": ["mcp", "record", "--server", "bare", "--", "bare"]
    },
    "web": {"url": "https://example.com"}
  }
}
"#;

fn a_config_is_rewritten_once() {
    let place = Place::new();
    let file = place.path().join(".mcp.json");
    std::fs::write(&file, OLD).unwrap();
    let dry = place.run(&["mcp", "setup", "--dry-run", ".mcp.json"], 0);
    let dry = String::from_utf8(dry.stdout).unwrap();
    assert!(dry.contains("-      \"command\": \"npx\",\n+      \"command\": \"gait\",\n"), "{dry}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), OLD);
    let answer = place.json(&["mcp", "setup", ".mcp.json", "--json"], 0);
    assert_eq!((&answer["recorded"], &answer["skipped"]), (&json!(["fs", "db", "bare"]), &json!(["web"])));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), NEW);
    assert_eq!(std::fs::read_to_string(place.path().join(".mcp.json.bak")).unwrap(), OLD);
    let again = place.json(&["mcp", "setup", ".mcp.json", "--json"], 0);
    assert_eq!((&again["recorded"], &again["backup"]), (&json!([]), &Value::Null));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), NEW);
    assert_eq!(plan(NEW, "/other/gait").unwrap().text, NEW);
}

fn what_is_no_config_is_refused() {
    let twice = r#"{"servers":{"a":{"command":"x","command":"y"}}}"#;
    for text in ["", "[]", "{}", "{\"mcpServers\": 1}", twice, r#"{"servers":{"a":{"command":"x","args":{}}}}"#] {
        assert!(plan(text, "gait").is_err(), "{text}");
    }
    let odd = plan(r#"{"servers":{"a":7,"b":{"command":["x"]}}}"#, "gait").unwrap();
    assert_eq!((odd.skipped.len(), odd.recorded.len()), (2, 0));
}

fn a_rewritten_server_is_recorded() {
    let place = Place::new();
    let text = json!({"mcpServers": {"-odd name": {"command": own()}}}).to_string();
    let plan: Value = serde_json::from_str(&plan(&text, env!("CARGO_BIN_EXE_gait")).unwrap().text).unwrap();
    let server = &plan["mcpServers"]["-odd name"];
    let args: Vec<&str> = server["args"].as_array().unwrap().iter().map(|arg| arg.as_str().unwrap()).collect();
    let mut command = place.command(server["command"].as_str().unwrap(), &args);
    let mut session = Session::start(command.env(ROLE, "old"));
    session.talk(&call(1, "add", json!({"a": 1, "b": 2})));
    session.close();
    assert_eq!(crate::kit::read(&place.only("gait-out", ".zip")).1.servers[0].name, "-odd name");
}
