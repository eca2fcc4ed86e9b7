//! A folder and a home for each test, and what is asked of processes.

use crate::agent::{SERVER, argv};
use camino::{Utf8Path, Utf8PathBuf};
use serde_json::{Map, Value, json};
use std::process::{Command, Output, Stdio};

pub type Tests = &'static [(&'static str, fn())];

/// A folder that goes away.
pub struct Place(tempfile::TempDir);

impl Place {
    pub fn new() -> Self {
        let place = Self(tempfile::Builder::new().prefix("gait-agents-").tempdir().unwrap());
        std::fs::create_dir(place.path().join("home")).unwrap();
        place
    }

    pub fn path(&self) -> &Utf8Path {
        Utf8Path::from_path(self.0.path()).unwrap()
    }

    pub fn file(&self, name: &str) -> Utf8PathBuf {
        self.path().join(name)
    }

    pub fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.file(name)).unwrap()
    }

    /// Whether the process whose number stands in the file still runs.
    pub fn alive(&self, name: &str) -> bool {
        let pid: u32 = self.text(name).parse().unwrap();
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        !stat.is_empty() && !stat.contains(") Z ")
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.file(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn read_json(&self, name: &str) -> Value {
        serde_json::from_str(&self.text(name)).unwrap()
    }

    /// A program in this place, without the variables of the outside.
    pub fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).current_dir(self.path()).env_clear().stdin(Stdio::null());
        for name in ["PATH", "TMPDIR"] {
            if let Ok(value) = std::env::var(name) {
                command.env(name, value);
            }
        }
        command.env("HOME", self.path().join("home"));
        command
    }

    /// Runs gait to its end; its standard output.
    #[track_caller]
    pub fn gait(&self, args: &[&str], code: i32) -> String {
        said(self.command(env!("CARGO_BIN_EXE_gait"), args).output().unwrap(), args, code)
    }

    /// What gait answers as JSON.
    pub fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.gait(args, 0)).unwrap()
    }

    /// Captures an agent that follows `script` with servers of these names, and makes a fixture `base` of it.
    pub fn fixture(&self, servers: &[&str], script: &[&str]) {
        self.fixture_with(servers, script, &[]);
    }

    /// As [`Place::fixture`], with variables in the environment of the capture.
    pub fn fixture_with(&self, servers: &[&str], script: &[&str], env: &[(&str, &str)]) {
        let server = |name: &&str| {
            let own = std::env::current_exe().unwrap().to_str().unwrap().to_owned();
            let args = json!(["mcp", "record", "--server", name, "--", own, SERVER]);
            ((*name).to_owned(), json!({ "command": env!("CARGO_BIN_EXE_gait"), "args": args }))
        };
        let servers: Map<String, Value> = servers.iter().map(server).collect();
        self.write("recorders.json", json!({ "mcpServers": servers }).to_string());
        let agent = argv(script);
        let mut args = vec!["run", "capture", "--run-id", "base", "--"];
        args.extend(agent.iter().map(String::as_str));
        let mut command = self.command(env!("CARGO_BIN_EXE_gait"), &args);
        command.env("GAIT_MCP_CONFIG", self.file("recorders.json")).envs(env.iter().copied());
        said(command.output().unwrap(), &args, 0);
        self.gait(&["regress", "init", "--from", "base"], 0);
    }

    /// A `gait.yaml` whose fixture `base` has the agent that follows `script`, and these further lines.
    pub fn suite(&self, script: &[&str], more: &str) {
        self.suite_with(script, "", more);
    }

    /// As [`Place::suite`], with further keys of the agent.
    pub fn suite_with(&self, script: &[&str], agent: &str, more: &str) {
        let command = json!(argv(script));
        let more: String = more.lines().map(|line| format!("    {line}\n")).collect();
        let agent: String = agent.lines().map(|line| format!("      {line}\n")).collect();
        self.write(
            "gait.yaml",
            format!(
                "fixtures:\n  - name: base\n    runpack: fixtures/base/runpack.zip\n    agent:\n      \
                 command: {command}\n{agent}{more}"
            ),
        );
    }

    /// Runs the suite: standard output, and the grade of `base/diff`.
    #[track_caller]
    pub fn regress(&self, more: &[&str], code: i32) -> (String, Value) {
        let out = self.gait(&[&["regress", "run"], more].concat(), code);
        let result = self.read_json("regress_result.json");
        let grades = result["graders"].as_array().unwrap();
        let diff = grades.iter().find(|grade| grade["name"] == "base/diff").unwrap().clone();
        (out, diff)
    }
}

#[track_caller]
pub fn said(output: Output, args: &[&str], code: i32) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{args:?}\n{out}\n{err}");
    out.into_owned()
}
