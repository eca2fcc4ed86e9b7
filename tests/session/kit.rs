//! A folder to run the binary and the library in.

use camino::{Utf8Path, Utf8PathBuf};
use gait::kernel::clock::{Clock, Timestamp};
use gait::session::checkpoint::{self, Options};
use gait::session::lock::Patience;
use gait::session::model::{Checkpoint, Event};
use gait::session::open::{Decision, Session, Verdict};
use serde_json::Value;
use std::process::{Command, Output};

/// A working directory with a home of its own; both go away.
pub struct Folder(tempfile::TempDir);

/// What a command did.
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {}{}", self.stdout, self.stderr))
    }

    /// The same, after checking the exit code.
    pub fn code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}{}", self.stdout, self.stderr);
        self
    }
}

impl Folder {
    pub fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir(folder.path().join("home")).unwrap();
        folder
    }

    pub fn path(&self) -> &Utf8Path {
        Utf8Path::from_path(self.0.path()).unwrap()
    }

    pub fn at(&self, name: &str) -> Utf8PathBuf {
        self.path().join(name)
    }

    pub fn file(&self, name: &str, text: impl AsRef<[u8]>) -> Utf8PathBuf {
        std::fs::write(self.at(name), text).unwrap();
        self.at(name)
    }

    pub fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.at(name)).unwrap()
    }

    pub fn command(&self, line: &str) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("gait"));
        command.args(line.split_whitespace()).current_dir(self.path()).env("HOME", self.at("home"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("GAIT_")) {
            command.env_remove(name);
        }
        command
    }

    /// Runs `gait <line>`.
    pub fn run(&self, line: &str) -> Ran {
        let Output { status, stdout, stderr } = self.command(line).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ran { code: status.code().unwrap_or(-1), stdout: text(stdout), stderr: text(stderr) }
    }

    /// The session in `j.jsonl`, started if need be.
    pub fn session(&self) -> Session {
        let journal = self.at("j.jsonl");
        Session::start(journal.as_str(), "s", "run_s", Patience::SWARM, clock()).unwrap().0
    }

    /// Appends `count` allowed calls.
    pub fn append(&self, count: usize) -> Vec<Event> {
        let mut session = self.session();
        (0..count).map(|_| session.append(decision("t")).unwrap()).collect()
    }

    /// Makes the next checkpoint, unsigned, as `<name>.zip`.
    pub fn checkpoint(&self, name: &str) -> Checkpoint {
        let out = self.at(&format!("{name}.zip"));
        let options = Options { out: out.as_str(), ..Options::default() };
        checkpoint::checkpoint(&mut self.session(), &options).unwrap()
    }
}

pub fn clock() -> Clock {
    Clock::fixed(Timestamp::date(2026, 5, 1))
}

pub fn decision(tool: &str) -> Decision {
    Decision::new(tool, Verdict::Allow).unwrap()
}
