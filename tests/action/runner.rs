//! The runner: the environment it makes for a container action, and how it reads what comes back.

use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub const HEAD: &str = "1111111111111111111111111111111111111111";
pub const MERGE: &str = "2222222222222222222222222222222222222222";

/// A job of a workflow with its workspace; gone when dropped.
pub struct Runner {
    root: tempfile::TempDir,
    inputs: BTreeMap<String, String>,
    pub env: BTreeMap<String, String>,
}

/// A workflow command, as the runner understood it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    pub name: String,
    pub properties: BTreeMap<String, String>,
    pub message: String,
}

/// What one step left.
pub struct Step {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
    pub outputs: BTreeMap<String, String>,
    pub summary: String,
    /// Commands of both streams, but for stopping and resuming.
    pub commands: Vec<Said>,
}

impl Runner {
    /// A job for a pull request of this repository, with nothing in its workspace, no token and no API.
    pub fn new() -> Self {
        let root = tempfile::Builder::new().prefix("gait-action-").tempdir().unwrap();
        for folder in ["workspace", "home", "workflow", "file_commands", "temp"] {
            fs::create_dir(root.path().join(folder)).unwrap();
        }
        let path = |name: &str| root.path().join(name).to_str().unwrap().to_owned();
        let env = [
            ("HOME", path("home")),
            ("CI", "true".to_owned()),
            ("GITHUB_ACTIONS", "true".to_owned()),
            ("GITHUB_WORKSPACE", path("workspace")),
            ("GITHUB_EVENT_PATH", path("workflow/event.json")),
            ("GITHUB_OUTPUT", path("file_commands/set_output")),
            ("GITHUB_STEP_SUMMARY", path("file_commands/step_summary")),
            ("GITHUB_REPOSITORY", "octo/agent".to_owned()),
            ("GITHUB_SHA", MERGE.to_owned()),
            ("GITHUB_RUN_ID", "900".to_owned()),
            ("GITHUB_RUN_ATTEMPT", "1".to_owned()),
            ("GITHUB_WORKFLOW", "regress".to_owned()),
            ("GITHUB_JOB", "regress".to_owned()),
            ("GITHUB_ACTOR", "ada".to_owned()),
            ("GITHUB_API_URL", "http://127.0.0.1:9".to_owned()),
            ("RUNNER_TEMP", path("temp")),
        ];
        let env = env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let runner = Self { root, inputs: BTreeMap::new(), env };
        runner.event("pull_request", &payload("pull_request"))
    }

    /// Sets an input, as `with:` does.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.inputs.insert(name.to_owned(), value.to_owned());
        self
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.inputs.insert(name.to_owned(), value.to_owned());
    }

    pub fn event(mut self, name: &str, payload: &Value) -> Self {
        self.env.insert("GITHUB_EVENT_NAME".to_owned(), name.to_owned());
        fs::write(self.root.path().join("workflow/event.json"), payload.to_string()).unwrap();
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    /// A path in the workspace.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join("workspace").join(name)
    }

    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> &Self {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), bytes).unwrap();
        self
    }

    pub fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn program(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gait"));
        command.env_clear().env("HOME", self.root.path().join("home")).stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs another command of the program in the workspace.
    pub fn gait(&self, args: &[&str], input: &str) {
        use std::io::Write as _;
        let mut child = self.program().args(args).current_dir(self.path("")).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let out = child.wait_with_output().unwrap();
        assert!(out.status.success(), "{args:?}: {}{}", text(&out.stdout), text(&out.stderr));
    }

    /// A fixture of these calls.
    pub fn fixture(&self, name: &str, calls: &[&str]) -> &Self {
        self.gait(&["run", "record", "--calls", "-", "--run-id", &format!("run_{name}")], &calls.join("\n"));
        self.gait(&["regress", "init", "--from", &format!("run_{name}"), "--name", name], "");
        self
    }

    /// Today's run of the agent for a fixture, in the folder `candidates`.
    pub fn today(&self, name: &str, calls: &[&str]) -> &Self {
        fs::create_dir_all(self.path("candidates")).unwrap();
        let out = format!("today_{name}");
        self.gait(&["run", "record", "--calls", "-", "--run-id", &out], &calls.join("\n"));
        fs::rename(self.path(&format!("gait-out/runpack_{out}.zip")), self.path(&format!("candidates/{name}.zip")))
            .unwrap();
        self
    }

    /// The step with the inputs as the runner gives them: upper-case, blanks as `_`, dashes as they are.
    pub fn run(&self) -> Step {
        let mut command = self.program();
        command.arg("action").current_dir(self.path("")).envs(&self.env);
        for (name, value) in &self.inputs {
            command.env(format!("INPUT_{}", name.replace(' ', "_").to_uppercase()), value);
        }
        for file in ["set_output", "step_summary"] {
            fs::write(self.root.path().join("file_commands").join(file), "").unwrap();
        }
        let out = command.output().unwrap();
        let (stdout, stderr) = (text(&out.stdout), text(&out.stderr));
        let read = |file: &str| fs::read_to_string(self.root.path().join("file_commands").join(file)).unwrap();
        let mut commands = said(&stdout);
        commands.extend(said(&stderr));
        Step {
            code: out.status.code().unwrap_or(-1),
            outputs: outputs(&read("set_output")),
            summary: read("step_summary"),
            commands,
            stdout,
            stderr,
        }
    }
}

impl Step {
    #[track_caller]
    pub fn code(self, want: i32) -> Self {
        assert_eq!(self.code, want, "{}\n{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub fn says(self, parts: &[&str]) -> Self {
        let missing: Vec<_> = parts.iter().filter(|part| !self.stdout.contains(**part)).collect();
        assert!(missing.is_empty(), "{missing:?} not in:\n{}\n{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub fn output(&self, name: &str) -> &str {
        self.outputs.get(name).unwrap_or_else(|| panic!("no output {name}: {:?}", self.outputs))
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A payload as GitHub sends it: number 7, head [`HEAD`].
pub fn payload(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/action/payloads/{name}.json"));
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The commands in a stream: `::name k=v::message` at the start of a trimmed line, `##[name k=v]message` anywhere in
/// one; between `::stop-commands::word` and `::word::` none counts.
pub fn said(stream: &str) -> Vec<Said> {
    let mut stopped: Option<String> = None;
    let mut out = Vec::new();
    for line in stream.split(['\n', '\r']) {
        let Some(command) = new_style(line).or_else(|| old_style(line)) else { continue };
        match &stopped {
            Some(word) if command.name == *word => stopped = None,
            Some(_) => {}
            None if command.name == "stop-commands" => stopped = Some(command.message),
            None => out.push(command),
        }
    }
    assert_eq!(stopped, None, "commands stay stopped");
    out
}

fn new_style(line: &str) -> Option<Said> {
    let (head, message) = line.trim_start().strip_prefix("::")?.split_once("::")?;
    command(head, ',', message)
}

fn old_style(line: &str) -> Option<Said> {
    let (head, message) = line.split_once("##[")?.1.split_once(']')?;
    command(head, ';', message)
}

fn command(head: &str, between: char, message: &str) -> Option<Said> {
    let (name, properties) = head.split_once(' ').unwrap_or((head, ""));
    let pairs = properties.split(between).filter_map(|pair| pair.trim().split_once('='));
    let properties = pairs.map(|(key, value)| (key.to_owned(), decoded(value))).collect();
    (!name.is_empty()).then(|| Said { name: name.to_owned(), properties, message: decoded(message) })
}

fn decoded(text: &str) -> String {
    let pairs = [("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")];
    pairs.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// Outputs as the runner reads them: `name=value` or `name<<word`, value, `word`.
fn outputs(file: &str) -> BTreeMap<String, String> {
    let mut lines = file.lines();
    let mut out = BTreeMap::new();
    while let Some(line) = lines.next() {
        let (name, word) = line.split_once("<<").unwrap_or_else(|| panic!("no heredoc: {line}"));
        assert!(word.len() >= 32, "a word one could guess: {word}");
        let mut value = Vec::new();
        loop {
            match lines.next().unwrap_or_else(|| panic!("{name} is not ended")) {
                end if end == word => break,
                line => value.push(line),
            }
        }
        out.insert(name.to_owned(), value.join("\n"));
    }
    out
}

/// Every file below a folder.
pub fn tree(folder: &Path) -> Vec<String> {
    let (mut out, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                out.push(path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    out.sort();
    out
}
