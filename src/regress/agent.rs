//! Today's agent run against the recording: what it asks becomes the candidate of a trial.

use crate::config::agent::{Agent, OnUnmatched};
use crate::kernel::clock::Stopwatch;
use crate::kernel::error::{Error, Result};
use crate::kernel::fs::{self, SETTINGS_LIMIT};
use crate::kernel::lock::{self, Lock};
#[cfg(feature = "serve")]
use crate::mcp::http;
#[cfg(unix)]
use crate::mcp::socket::Door as Socket;
use crate::mcp::stage::{MOST_CALLS, Stage, Terms};
use crate::regress::allowed::Allowed;
use crate::regress::compare::ARGS;
use crate::regress::fixture::Fixture;
#[cfg(unix)]
use crate::regress::helper;
use crate::regress::job::Report;
use crate::regress::mishap::{Cause, Mishap};
use crate::regress::supervise::{self, Program};
use crate::regress::tolerance::Rules;
use crate::runpack::locate::OUT_DIR;
use crate::runpack::model::INTENTS;
use crate::sign::key::PrivateKey;
use camino::{Utf8Path, Utf8PathBuf};
#[cfg(unix)]
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Largest runpack that an agent writes itself, in bytes.
const LARGEST: u64 = 1 << 30;
/// So many of an agent's last lines are told.
const LAST_LINES: usize = 10;

/// What running agents needs besides the fixture.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// Signs the candidates.
    pub key: Option<Arc<PrivateKey>>,
    /// Any call gets the next recorded answer of its tool, whatever its arguments.
    pub lenient: bool,
    pub steps: Steps,
}

/// Whoever is told of every trial that starts or ends.
#[derive(Clone, Default)]
pub struct Steps(pub Option<Arc<Told>>);

/// What is called with each step.
pub type Told = dyn Fn(&Step) + Send + Sync;

impl std::fmt::Debug for Steps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Steps").field(&self.0.is_some()).finish()
    }
}

/// A trial that starts or ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub fixture: String,
    /// From 1.
    pub trial: u64,
    pub ended: bool,
}

/// Where the trials of a fixture are kept.
pub fn folder(fixture: &str) -> Utf8PathBuf {
    Utf8Path::new(OUT_DIR).join("regress").join(fixture)
}

/// Keeps other runs of the fixture away from that folder, waiting for one that is going on to end.
pub fn hold(fixture: &Fixture) -> Result<Lock> {
    let folder = folder(&fixture.name);
    fs::make_parent(&folder)?;
    let each = fixture.settings.agent().map_or(Duration::ZERO, |(agent, _)| agent.timeout() + Duration::from_secs(15));
    let trials = u32::try_from(fixture.settings.trials.unwrap_or(1)).unwrap_or(u32::MAX);
    lock::hold(folder.as_std_path(), each.saturating_mul(trials))
}

/// Runs the fixture's agent as often as it has trials, and leaves `trial_<n>.zip`, `trial_<n>.stdout.txt` and
/// `trial_<n>.stderr.txt` in `folder`; `trial_<n>.json` where something went wrong. The mishaps, by trial.
pub fn run(fixture: &Fixture, setup: &Setup, folder: &Utf8Path) -> Result<BTreeMap<u64, Mishap>> {
    clear(folder)?;
    let mut mishaps = BTreeMap::new();
    for trial in 1..=fixture.settings.trials.unwrap_or(1) {
        let step = |ended| {
            let step = Step { fixture: fixture.name.clone(), trial, ended };
            setup.steps.0.iter().for_each(|told| told(&step));
        };
        step(false);
        let candidate = folder.join(format!("trial_{trial}.zip"));
        let failed = |error: Error| Mishap::new(Cause::AgentFailed, error.to_string());
        if let Some(mishap) = perform(fixture, setup, trial, &candidate).unwrap_or_else(|error| Some(failed(error))) {
            mishap.write(&candidate)?;
            mishaps.insert(trial, mishap);
        }
        step(true);
    }
    Ok(mishaps)
}

/// Makes the folder, with the trials of an earlier run gone.
fn clear(folder: &Utf8Path) -> Result<()> {
    fs::make_dir(folder)?;
    for entry in folder.read_dir_utf8().map_err(|e| Error::io("read", folder, e))?.flatten() {
        if entry.file_name().starts_with("trial_") {
            fs::remove(entry.path())?;
        }
    }
    Ok(())
}

/// Runs the agent once.
fn perform(fixture: &Fixture, setup: &Setup, trial: u64, candidate: &Utf8Path) -> Result<Option<Mishap>> {
    let Some((agent, command)) = fixture.settings.agent() else { return Ok(None) };
    let _busy = supervise::busy()?;
    let failed = |error| Error::io("make a folder in", std::env::temp_dir(), error);
    let private = tempfile::Builder::new().prefix("gait-").tempdir().map_err(failed)?;
    let place =
        Utf8Path::from_path(private.path()).ok_or_else(|| Error::invalid("the temporary folder is not UTF-8"))?;
    let stage = Arc::new(Stage::new(fixture.baseline.clone(), terms(fixture, agent, setup))?);
    let doors = Doors::open(&stage, place)?;
    let mut env = doors.env.clone();
    let (scratch, own) = (place.join("tmp"), place.join("candidate.zip"));
    fs::make_dir(&scratch)?;
    env.extend([
        ("GAIT_REGRESS_FIXTURE".to_owned(), fixture.name.clone()),
        ("GAIT_REGRESS_TRIAL".to_owned(), trial.to_string()),
        ("GAIT_CANDIDATE_OUT".to_owned(), own.to_string()),
        ("TMPDIR".to_owned(), scratch.into_string()),
    ]);
    let program = Program {
        argv: command.to_vec(),
        cwd: agent.cwd().to_owned(),
        env: agent.env.clone().into_iter().chain(env).collect(),
        stdin: None,
        stdout: candidate.with_extension("stdout.txt"),
        stderr: candidate.with_extension("stderr.txt"),
        timeout: agent.timeout(),
    };
    let watch = Stopwatch::start();
    let report = supervise::start_in(&program, Some(place)).and_then(|running| {
        let stop = running.stop();
        stage.when_stopped(move || stop.now());
        running.wait()
    });
    if fixture.settings.budget.is_some_and(|budget| budget.max_seconds.is_some()) {
        fs::write(seconds(candidate), format!("{:.3}\n", watch.elapsed().as_secs_f64()).as_bytes())?;
    }
    drop(doors);
    if own.is_file() {
        fs::write(candidate, &fs::read(&own, LARGEST)?)?;
    } else {
        stage.write_candidate(candidate, setup.key.as_deref())?;
    }
    Ok(mishap(&report, agent, &stage, &program.stderr))
}

/// Beside a candidate: how long its agent took, where there is a budget of seconds.
fn seconds(candidate: &Utf8Path) -> Utf8PathBuf {
    candidate.with_extension("seconds.txt")
}

/// How long the agent took that left this candidate, here or elsewhere; none where nobody measured it.
pub fn elapsed(candidate: &Utf8Path) -> Option<Duration> {
    let text = fs::read_text(seconds(candidate), SETTINGS_LIMIT).ok()?;
    Duration::try_from_secs_f64(text.trim().parse().ok()?).ok()
}

/// The open ways to a stage. Dropped, they close.
#[derive(Default)]
struct Doors {
    #[cfg(unix)]
    _socket: Option<Socket>,
    #[cfg(feature = "serve")]
    _http: Option<http::doors::Doors>,
    /// The variables that tell an agent of them.
    env: Vec<(String, String)>,
}

impl Doors {
    /// Opens a socket in `place` for the servers that an agent starts, and URLs.
    fn open(stage: &Arc<Stage>, place: &Utf8Path) -> Result<Self> {
        let mut doors = Self::default();
        #[cfg(unix)]
        {
            let socket = Socket::open(stage, place)?;
            let command = helper::program()?;
            let server = |name: String| {
                let started = json!({ "command": command, "args": helper::relay(socket.socket.as_str(), &name) });
                (name, started)
            };
            let servers: Map<String, Value> = stage.servers().into_iter().map(server).collect();
            let config = place.join("mcp.json");
            fs::write_new(&config, json!({ "mcpServers": servers }).to_string().as_bytes())?;
            doors.env.push(("GAIT_MCP_CONFIG".to_owned(), config.into_string()));
            doors._socket = Some(socket);
        }
        #[cfg(feature = "serve")]
        {
            let http = http::doors::Doors::open(stage.clone())?;
            let named = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
            for (server, url) in http.servers() {
                let name: String = server.chars().map(named).collect();
                doors.env.push((format!("GAIT_MCP_{name}_URL"), url.clone()));
            }
            doors.env.push(("GAIT_TOOLS_URL".to_owned(), http.tools().to_owned()));
            doors._http = Some(http);
        }
        Ok(doors)
    }
}

fn terms(fixture: &Fixture, agent: &Agent, setup: &Setup) -> Terms {
    let lossy = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    let mut variables: BTreeMap<String, String> =
        supervise::inherited().into_iter().map(|(name, value)| (lossy(name), lossy(value))).collect();
    variables.extend(agent.env.clone());
    let rules = fixture.settings.rules.as_ref().map_or_else(Rules::plain, Rules::of);
    let allowed = Allowed::of(&fixture.metadata.diff_allow_changed_files);
    let lenient = setup.lenient || allowed.file(INTENTS);
    Terms {
        variables: variables.into_iter().collect(),
        accepts: Box::new(move |at, tool, difference| {
            let (path, left, right) = (&difference.path, difference.left.as_ref(), difference.right.as_ref());
            lenient
                || allowed.place(INTENTS, at, &format!("{ARGS}{path}"))
                || rules.for_tool(tool).accepts(path, left, right).is_some()
        }),
        stop: agent.on_unmatched == Some(OnUnmatched::Stop),
    }
}

/// What is wrong with how it ended; nothing where it ended well.
fn mishap(report: &Result<Report>, agent: &Agent, stage: &Stage, stderr: &Utf8Path) -> Option<Mishap> {
    let mut asking = if stage.stopped() { stage.asking() } else { Vec::new() };
    let (cause, what) = match report {
        _ if asking.len() >= MOST_CALLS => {
            (Cause::AgentFailed, format!("the agent made {MOST_CALLS} calls and was ended"))
        }
        _ if stage.stopped() => {
            let last = asking.pop();
            let (tool, args) = last.map(|asking| (asking.tool, asking.args.text())).unwrap_or_default();
            let what = format!("the trial ended with a call that has no recorded answer: {tool} {args}");
            (Cause::UnmatchedRequest, what)
        }
        Ok(Report::Code(0)) => return None,
        Ok(Report::Code(code)) => (Cause::AgentFailed, format!("the agent ended with exit {code}")),
        Ok(Report::Signal(signal)) => (Cause::AgentFailed, format!("the agent was ended by signal {signal}")),
        Ok(Report::TimedOut) => {
            let limit = humantime::format_duration(agent.timeout());
            (Cause::AgentTimeout, format!("the agent did not end within {limit}"))
        }
        Ok(Report::Stopped) => (Cause::AgentFailed, "the agent was interrupted".to_owned()),
        Ok(Report::NotStarted(why)) => (Cause::AgentFailed, format!("the agent did not run: {why}")),
        Err(error) => (Cause::AgentFailed, format!("the agent did not run: {error}")),
    };
    let said = supervise::tail(stderr, LAST_LINES);
    let said: String = said.lines().map(|line| format!("\nstderr: {line}")).collect();
    Some(Mishap::new(cause, stage.cover(&format!("{what}{said}"))))
}
