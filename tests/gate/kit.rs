//! Policies and calls from texts, and the program in a folder of its own.

use gait::config::document::Document;
use gait::gate::evaluate::{self, Outcome};
use gait::gate::intent::Intent;
use gait::gate::parse;
use gait::gate::policy::Policy;
use gait::kernel::clock::Timestamp;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::{Command, Output};

pub fn policy(text: &str) -> Policy {
    parse::policy(&Document::parse("p.yaml", text.to_owned()).unwrap()).unwrap_or_else(|error| panic!("{error}"))
}

pub fn refused(text: &str) -> String {
    parse::policy(&Document::parse("p.yaml", text.to_owned()).unwrap()).unwrap_err().to_string()
}

/// A call of `tool` with arguments and targets.
pub fn call(tool: &str, args: Value, targets: Value) -> Value {
    let context = json!({"identity": "u", "workspace": "/w", "risk_class": "low"});
    json!({"tool_name": tool, "args": args, "targets": targets, "context": context})
}

pub fn intent(value: &Value) -> Intent {
    Intent::parse(value.to_string().as_bytes()).unwrap_or_else(|error| panic!("{error}: {value}"))
}

pub fn decide<'p>(policy: &'p Policy, value: &Value) -> Outcome<'p> {
    evaluate::evaluate(policy, &intent(value), &Timestamp::date(2026, 1, 1))
}

pub fn verdict(policy: &Policy, value: &Value) -> &'static str {
    decide(policy, value).verdict.word()
}

/// Whether a reason is among those told.
pub fn has(said: &Value, code: &str) -> bool {
    said["reason_codes"].as_array().unwrap().iter().any(|reason| reason == code)
}

/// A folder with the program in it.
pub struct Place(tempfile::TempDir);

impl Place {
    pub fn new() -> Self {
        Self(tempfile::Builder::new().prefix("gait-gate-").tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn file(&self, name: &str, text: impl AsRef<[u8]>) -> &Self {
        std::fs::write(self.path(name), text).unwrap();
        self
    }

    pub fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&std::fs::read(self.path(name)).unwrap()).unwrap()
    }

    pub fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gait"));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GAIT_")) {
            command.env_remove(name);
        }
        command.args(line.split_whitespace()).current_dir(self.0.path()).env("HOME", self.0.path());
        command
    }

    /// Exit code and JSON of a command.
    pub fn run(&self, line: &str) -> (i32, Value) {
        self.run_with(line, &[])
    }

    /// As [`Place::run`], with variables set.
    pub fn run_with(&self, line: &str, env: &[(&str, &str)]) -> (i32, Value) {
        let mut command = self.command(&format!("{line} --json"));
        let Output { status, stdout, stderr } = command.envs(env.iter().copied()).output().unwrap();
        let answer = serde_json::from_slice(&stdout);
        (status.code().unwrap(), answer.unwrap_or_else(|_| panic!("{line}: {}", String::from_utf8_lossy(&stderr))))
    }
}
