//! A working directory and a home of their own for each test, the program run in them, its answer as a transcript.

use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Variables of the outside that would change what the program does.
const SCRUBBED: [&str; 5] = ["GITHUB_", "RUNNER_", "ACTIONS_", "INPUT_", "GAIT_"];

/// A place to run the program in; gone when dropped.
pub struct Gait {
    root: tempfile::TempDir,
    env: BTreeMap<String, String>,
}

impl Gait {
    pub fn new() -> Self {
        let root = tempfile::Builder::new().prefix("gait-cli-").tempdir().unwrap();
        fs::create_dir(root.path().join("work")).unwrap();
        fs::create_dir(root.path().join("home")).unwrap();
        Self { root, env: BTreeMap::new() }
    }

    /// The same place with a variable set from now on.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    /// A path below the working directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join("work").join(name)
    }

    pub fn home(&self) -> PathBuf {
        self.root.path().join("home")
    }

    /// Writes a file, its folders made if missing.
    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> &Self {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        self
    }

    pub fn copy(&self, from: &str, to: &str) -> &Self {
        let bytes = self.bytes(from);
        self.file(to, bytes)
    }

    pub fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub fn text(&self, name: &str) -> String {
        String::from_utf8(self.bytes(name)).unwrap()
    }

    pub fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&self.bytes(name)).unwrap()
    }

    pub fn exists(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// `text` without what differs from run to run.
    pub fn steady(&self, text: &str) -> String {
        steady(text, self.root.path())
    }

    /// Every file below the working directory with its bytes.
    pub fn tree(&self) -> BTreeMap<String, Vec<u8>> {
        let (mut out, mut folders) = (BTreeMap::new(), vec![self.path("")]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(self.path("")).unwrap().to_str().unwrap().to_owned();
                    out.insert(name, fs::read(&path).unwrap());
                }
            }
        }
        out
    }

    /// The program with `args`, not started yet.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gait"));
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if SCRUBBED.iter().any(|start| name.starts_with(start))
                || matches!(&*name, "CI" | "NO_COLOR" | "CLICOLOR" | "CLICOLOR_FORCE")
            {
                command.env_remove(name);
            }
        }
        command.args(args).current_dir(self.path("")).env("HOME", self.home()).envs(&self.env);
        command
    }

    /// Runs the program; `line` is split at blanks.
    pub fn run(&self, line: &str) -> Out {
        self.args(&line.split_whitespace().collect::<Vec<_>>())
    }

    pub fn args(&self, args: &[&str]) -> Out {
        self.fed(args, b"")
    }

    /// Runs the program with `input` on its standard input.
    pub fn fed(&self, args: &[&str], input: &[u8]) -> Out {
        let mut command = self.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A program that does not read all of it may close the pipe.
        let _ = child.stdin.take().unwrap().write_all(input);
        self.ended(&args.join(" "), child)
    }

    fn ended(&self, line: &str, child: Child) -> Out {
        let output = child.wait_with_output().unwrap();
        Out {
            line: line.to_owned(),
            root: self.root.path().to_owned(),
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Records `calls`, one JSON object a line, as run `id`; the pack's path.
    pub fn record(&self, id: &str, calls: &[&str]) -> String {
        let lines = calls.join("\n");
        self.fed(&["run", "record", "--calls", "-", "--run-id", id], lines.as_bytes()).code(0);
        format!("gait-out/runpack_{id}.zip")
    }

    /// Records `calls` and makes them the fixture `name`.
    pub fn fixture(&self, name: &str, calls: &[&str]) -> &Self {
        let pack = self.record(&format!("run_{name}"), calls);
        self.args(&["regress", "init", "--from", &pack, "--name", name]).code(0);
        self
    }
}

/// What one run of the program left.
#[derive(Debug)]
pub struct Out {
    line: String,
    root: PathBuf,
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Out {
    #[track_caller]
    pub fn code(self, want: i32) -> Self {
        assert_eq!(self.code, want, "$ gait {}\n{}\n{}", self.line, self.stdout, self.stderr);
        self
    }

    /// The one JSON object on standard output.
    #[track_caller]
    pub fn json(&self) -> Value {
        assert_eq!(self.stdout.matches('\n').count(), 1, "one line: {}", self.stdout);
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }

    /// Asserts that standard output holds each of `parts`.
    #[track_caller]
    pub fn says(self, parts: &[&str]) -> Self {
        let said = |part: &str| self.stdout.contains(part);
        let missing: Vec<_> = parts.iter().filter(|part| !said(part)).collect();
        assert!(missing.is_empty(), "{missing:?} not in:\n{}\n{}", self.stdout, self.stderr);
        self
    }

    /// Asserts that standard error holds each of `parts`.
    #[track_caller]
    pub fn warns(self, parts: &[&str]) -> Self {
        let missing: Vec<_> = parts.iter().filter(|part| !self.stderr.contains(**part)).collect();
        assert!(missing.is_empty(), "{missing:?} not in stderr:\n{}", self.stderr);
        self
    }

    /// The transcript: command, answer, remarks, exit; what differs from run to run in placeholders as wide.
    pub fn transcript(&self) -> String {
        let mut out = format!("$ gait {}\n", self.line);
        out.push_str(&self.stdout);
        for line in self.stderr.lines() {
            out.push_str(&format!("! {line}\n"));
        }
        out.push_str(&format!("= {}\n", self.code));
        steady(&out, &self.root)
    }
}

/// `text` without the paths, digests, ids and times that differ from run to run.
fn steady(text: &str, root: &Path) -> String {
    let root = root.to_str().unwrap();
    let text = text.replace(root, &format!("/{}", "T".repeat(root.len() - 1)));
    let text =
        pattern(&text, |word| matches!(word.len(), 16 | 24 | 64) && word.bytes().all(|b| b.is_ascii_hexdigit()), 'd');
    let text = pattern(&text, |word| word.len() == 16 && word.as_bytes()[8] == b'T' && word.ends_with('Z'), 't');
    let mut out = String::new();
    for line in text.split_inclusive('\n') {
        match line.split_once("finished in ") {
            Some((start, _)) => out.push_str(&format!("{start}finished in 0.00s\n")),
            None => out.push_str(line),
        }
    }
    out
}

/// Words that are `odd` replaced by a letter as often as they are long.
fn pattern(text: &str, odd: impl Fn(&str) -> bool, letter: char) -> String {
    let mut out = String::new();
    for piece in text.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let word = piece.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        if odd(word) {
            out.extend(std::iter::repeat_n(letter, word.len()));
            out.push_str(&piece[word.len()..]);
        } else {
            out.push_str(piece);
        }
    }
    out
}
