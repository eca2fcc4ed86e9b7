//! The story of the demo, told by the commands it runs.

use crate::cli::demo::{agent, shop};
use crate::cli::exit::Exit;
use crate::cli::output::{self, Answer};
use crate::kernel::archive::read::{Archive, Limits};
use crate::kernel::archive::write::Writer;
use crate::kernel::clock::Stopwatch;
use crate::kernel::error::{Error, Kind, Result};
use crate::kernel::fs;
use crate::mcp::capture::RUN_DIR_VAR;
use crate::regress::{candidate, helper};
use crate::runpack::model::INTENTS;
use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;
use serde_json::{Value, json};
use std::io::Cursor;
use std::process::{Command, ExitCode, Stdio};

/// The folder everything is in unless another is named.
pub const DIR: &str = "gait-demo";
/// The argument that makes this program the demo's agent or its server.
const ROLE: &str = "__demo";
const PROMPT: &str = "Refund what the customer paid, then write to them.\n";
const CHANGED: &str = "Refund what the customer paid, plus 5 EUR goodwill, then write to them.\n";
const REASON: &str = "5 EUR goodwill is policy now";

/// Plays the agent or the server when `args`, without the program's name, ask for that.
pub fn play(args: &[String]) -> Option<ExitCode> {
    let done = match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [ROLE, "agent"] => agent::run().map_err(|error| output::stderr(&error.to_string())).is_ok(),
        [ROLE, "server"] => shop::serve().is_ok(),
        _ => return None,
    };
    Some(if done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The calls that differ, as a failing run tells them; of a call only one side has, its name.
fn differing(told: &str) -> Vec<&str> {
    let mut changed = false;
    let told =
        told.lines().skip_while(|line| !line.starts_with("call ")).take_while(|line| !line.starts_with("next: "));
    let kept = told.filter(|line| {
        changed = if line.starts_with("call ") { line.contains(": changed") } else { changed };
        changed || line.starts_with("call ")
    });
    kept.collect()
}

/// One command that was run, as it is told.
#[derive(Debug, Serialize)]
struct Step {
    command: String,
    exit: i32,
}

/// The folder, and what was run in it.
struct Stage {
    dir: Utf8PathBuf,
    gait: Utf8PathBuf,
    steps: Vec<Step>,
}

/// Tells the story in `dir`, which has to be new.
pub fn run(dir: &Utf8Path) -> Result<Answer> {
    let watch = Stopwatch::start();
    let mut stage = Stage::new(dir)?;
    let recorded = stage.record("run_incident")?;
    stage.gait(&["regress", "init", "--from", "run_incident", "--name", "refund"], 0)?;
    stage.gait(&["regress", "run"], 0)?;

    stage.write(agent::PROMPT, CHANGED)?;
    let red = stage.gait(&["regress", "run"], 5)?;
    let differs: String = differing(&red).into_iter().map(|line| format!("{:13}{line}\n", "")).collect();

    stage.record("run_reviewed")?;
    stage
        .gait(&["regress", "accept", "refund", "--candidate", "run_reviewed", "--as", "you", "--reason", REASON], 0)?;
    stage.gait(&["regress", "run"], 0)?;

    stage.forge("gait-out/runpack_run_incident.zip", "forged.zip")?;
    let refused = stage.gait(&["verify", "forged.zip"], 2)?;
    let refused = refused.lines().find(|line| line.contains(" record ")).unwrap_or_default().trim();
    let seconds = watch.elapsed();

    let text = format!(
        "demo ok: an incident became a test, and the test caught a change ({:.1} s, offline, all of it in {dir}/)\n\
         \n\
         1 record   an agent refunds an order through an MCP server: {calls} calls, one signed file\n\
         {:11}gait run capture -- <agent>     {dir}/gait-out/runpack_run_incident.zip\n\
         2 test     the file is the test: today's agent runs against the recorded answers, no server\n\
         {:11}gait regress run                ok, exit 0\n\
         3 change   the prompt now says \"plus 5 EUR goodwill\"\n\
         {:11}gait regress run                FAILED, exit 5\n\
         {differs}\
         4 accept   recorded once more, looked at, accepted with a reason and a signature\n\
         {:11}gait regress accept refund      signed by {key}\n\
         {:11}gait regress run                ok, exit 0\n\
         5 forge    one amount edited in a copy of the file\n\
         {:11}gait verify forged.zip          REFUSED, exit 2\n{:13}changed: {refused}\n\
         \n\
         next: cd {dir} && gait regress run\n\
         edit {prompt} and run it again; who accepted what: gait regress log refund\n",
        seconds.as_secs_f64(),
        "",
        "",
        "",
        "",
        "",
        "",
        "",
        calls = recorded["calls"],
        key = stage.signer()?,
        prompt = agent::PROMPT,
    );
    let value = json!({ "dir": dir, "duration_ms": seconds.as_millis() as u64, "steps": stage.steps });
    Ok(Answer::new(&value, Exit::Ok)?.text(output::coloured(&text)))
}

impl Stage {
    fn new(dir: &Utf8Path) -> Result<Self> {
        if dir.exists() {
            return Err(Error::invalid(format!("{dir} is there already"))
                .hint("the demo makes its folder itself: name another with --dir, or remove it"));
        }
        let gait = Utf8PathBuf::from_path_buf(helper::program()?)
            .map_err(|path| Error::invalid(format!("{} is not a UTF-8 path", path.display())))?;
        fs::make_dir(dir)?;
        let stage = Self { dir: dir.to_owned(), gait, steps: Vec::new() };
        stage.write(agent::PROMPT, PROMPT)?;
        let args = ["mcp", "record", "--server", shop::NAME, "--", stage.gait.as_str(), ROLE, "server"];
        let server = json!({ "mcpServers": { shop::NAME: { "command": stage.gait, "args": args } } });
        stage.write(agent::CONFIG, &format!("{server:#}\n"))?;
        let command = json!([stage.gait, ROLE, "agent"]);
        stage.write(
            "gait.yaml",
            &format!("# Every fixture is run against this agent.\ndefaults:\n  agent: {{ command: {command} }}\n"),
        )?;
        Ok(stage)
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        fs::write(self.dir.join(name), text.as_bytes())
    }

    /// Runs the agent against the real server, recorded as run `id`; what `run capture` says.
    fn record(&mut self, id: &str) -> Result<Value> {
        let agent = self.gait.to_string();
        let said = self.gait(&["run", "capture", "--json", "--run-id", id, "--", &agent, ROLE, "agent"], 0)?;
        serde_json::from_str(&said).map_err(|e| Error::new(Kind::Internal, format!("run capture --json: {e}")))
    }

    /// Runs gait in the folder, which has to end with `want`; its standard output.
    fn gait(&mut self, args: &[&str], want: i32) -> Result<String> {
        let mut command = Command::new(&self.gait);
        command.args(args).current_dir(&self.dir).stdin(Stdio::null());
        for name in [RUN_DIR_VAR, candidate::DIR_VAR, "GAIT_MCP_CONFIG", "CI"] {
            command.env_remove(name);
        }
        let ended = command.output().map_err(|e| Error::io("start", &self.gait, e))?;
        let (said, errors) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
        let exit = ended.status.code().unwrap_or(-1);
        let command = format!("gait {}", args.join(" "));
        if exit != want {
            return Err(Error::new(
                Kind::Internal,
                format!("`{command}` ended with {exit}, not {want}:\n{said}{errors}"),
            ));
        }
        self.steps.push(Step { command, exit });
        Ok(said.into_owned())
    }

    /// Copies a pack with another amount in its calls; the zip itself is sound.
    fn forge(&self, from: &str, to: &str) -> Result<()> {
        let archive = Archive::open(self.dir.join(from).as_std_path(), Limits::default())?;
        let mut forged = Writer::new(Cursor::new(Vec::new()));
        for entry in archive.entries() {
            let bytes = archive.bytes(&entry.name, fs::DOCUMENT_LIMIT)?.unwrap_or_default();
            let edited = String::from_utf8_lossy(&bytes).replace("\"amount\":119.9", "\"amount\":19.9");
            forged.entry(&entry.name, if entry.name == INTENTS { edited.as_bytes() } else { &bytes })?;
        }
        fs::write(self.dir.join(to), &forged.finish()?.into_inner())
    }

    /// Who signed the acceptance.
    fn signer(&mut self) -> Result<String> {
        let log = self.gait(&["regress", "log", "refund", "--json"], 0)?;
        let log: Value = serde_json::from_str(&log).unwrap_or_default();
        Ok(log["records"][0]["signature"]["key_id"].as_str().unwrap_or_default().chars().take(16).collect())
    }
}
