//! A folder and a home for each test, sessions with a server in front of us, and packs read back.

use crate::server::ROLE;
use camino::{Utf8Path, Utf8PathBuf};
use gait::mcp::catalog::{self, Catalog};
use gait::runpack::read::Pack;
use gait::runpack::verify::Trust;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};

pub type Tests = &'static [(&'static str, fn())];

/// A folder that goes away.
pub struct Place(tempfile::TempDir);

impl Place {
    pub fn new() -> Self {
        let place = Self(tempfile::Builder::new().prefix("gait-mcp-").tempdir().unwrap());
        std::fs::create_dir(place.path().join("home")).unwrap();
        place
    }

    pub fn path(&self) -> &Utf8Path {
        Utf8Path::from_path(self.0.path()).unwrap()
    }

    /// `program` in this place, without the variables of the outside.
    pub fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).current_dir(self.path()).env_clear();
        for name in ["PATH", "TMPDIR"] {
            if let Ok(value) = std::env::var(name) {
                command.env(name, value);
            }
        }
        command.env("HOME", self.path().join("home"));
        command
    }

    pub fn gait(&self, args: &[&str]) -> Command {
        self.command(env!("CARGO_BIN_EXE_gait"), args)
    }

    /// Runs gait to its end.
    #[track_caller]
    pub fn run(&self, args: &[&str], code: i32) -> Output {
        let output = self.gait(args).stdin(Stdio::null()).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{args:?}\n{out}\n{err}");
        output
    }

    pub fn json(&self, args: &[&str], code: i32) -> Value {
        serde_json::from_slice(&self.run(args, code).stdout).unwrap()
    }

    /// The tee in front of this program as server, its arguments before `--`.
    pub fn tee(&self, args: &[&str], role: &str) -> Session {
        let own = own();
        let mut all = vec!["mcp", "record"];
        all.extend_from_slice(args);
        all.extend(["--", own.as_str()]);
        let mut command = self.gait(&all);
        Session::start(command.env(ROLE, role))
    }

    /// The only file in `folder` whose name ends so.
    #[track_caller]
    pub fn only(&self, folder: &str, end: &str) -> Utf8PathBuf {
        let mut found = self.files(folder, end);
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }

    /// All files below `folder` whose names end so.
    pub fn files(&self, folder: &str, end: &str) -> Vec<Utf8PathBuf> {
        let (mut out, mut folders) = (Vec::new(), vec![self.path().join(folder)]);
        while let Some(folder) = folders.pop() {
            for entry in folder.read_dir_utf8().into_iter().flatten() {
                let path = entry.unwrap().into_path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.as_str().ends_with(end) {
                    out.push(path);
                }
            }
        }
        out.sort();
        out
    }

    /// What `gait verify --json` says of a pack.
    #[track_caller]
    pub fn verified(&self, pack: &Utf8Path) -> Value {
        self.json(&["verify", "--require-signature", "--json", pack.as_str()], 0)
    }
}

/// This program.
pub fn own() -> String {
    std::env::current_exe().unwrap().to_str().unwrap().to_owned()
}

/// The pack and its catalog.
pub fn read(path: &Utf8Path) -> (Pack, Catalog) {
    let pack = Pack::open_with(path.as_std_path(), &Trust::Known(Vec::new()), &[catalog::ENTRY]).unwrap();
    let catalog = Catalog::read(pack.entry(catalog::ENTRY).unwrap()).unwrap();
    (pack, catalog)
}

/// Tool, arguments and status of every call.
pub fn calls(pack: &Pack) -> Vec<(String, String, String)> {
    let call = |record: &gait::runpack::lane::Record<'static>| {
        let result = pack.results.iter().find(|result| result.intent_id == record.intent_id);
        let args = String::from_utf8(record.content().unwrap_or(b"{}").to_vec()).unwrap();
        (record.label.to_string(), args, result.map(|r| r.label.to_string()).unwrap_or_default())
    };
    pack.intents.iter().map(call).collect()
}

pub fn call(id: u64, tool: &str, args: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": tool, "arguments": args}})
}

pub fn ask(id: u64, method: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": {}})
}

/// A server, and we are its client.
pub struct Session {
    pub child: Child,
    pub input: Option<ChildStdin>,
    pub output: BufReader<ChildStdout>,
}

impl Session {
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, input, output }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.input.as_mut().unwrap().write_all(bytes.as_ref()).unwrap();
    }

    pub fn say(&mut self, message: &Value) {
        self.send(format!("{message}\n"));
    }

    /// The next line, parsed.
    pub fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    /// Asks and waits for the answer.
    pub fn talk(&mut self, message: &Value) -> Value {
        self.say(message);
        self.hear()
    }

    /// Exactly `count` bytes.
    pub fn take(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.output.read_exact(&mut bytes).unwrap();
        bytes
    }

    /// Closes, and waits for the end: exit code (128 and the signal), what was left of output and errors.
    pub fn close(mut self) -> (i32, Vec<u8>, String) {
        drop(self.input.take());
        self.ended()
    }

    /// Waits for the end with the input left open.
    pub fn ended(&mut self) -> (i32, Vec<u8>, String) {
        let (mut rest, mut errors) = (Vec::new(), String::new());
        self.output.read_to_end(&mut rest).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        let status = self.child.wait().unwrap();
        let signal = std::os::unix::process::ExitStatusExt::signal(&status);
        (status.code().unwrap_or_else(|| 128 + signal.unwrap()), rest, errors)
    }
}

impl Drop for Session {
    /// A test that is over leaves nobody behind.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
