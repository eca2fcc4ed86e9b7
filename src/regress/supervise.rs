//! Programs started for a test: in a group and an environment of their own, for a limited time, with nothing of them left
//! behind. The work is done by a [`warden`](crate::regress::job) process for each, so that tests side by side never touch each other's.

use crate::kernel::error::{Error, Kind, Result};
use crate::mcp::process;
use crate::regress::helper;
use crate::regress::job::{Job, Report};
use camino::{Utf8Path, Utf8PathBuf};
use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

/// How long the end of everything is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// A program as a fixture names it, and where it runs.
#[derive(Debug, Clone)]
pub struct Program {
    /// Program and arguments, no shell; a relative program is looked for from `cwd`.
    pub argv: Vec<String>,
    pub cwd: Utf8PathBuf,
    /// Set on top of what is inherited (see [`inherited`]).
    pub env: Vec<(String, String)>,
    /// File that is its standard input; nothing unless given.
    pub stdin: Option<Utf8PathBuf>,
    /// Files its output goes to; they are made or replaced.
    pub stdout: Utf8PathBuf,
    pub stderr: Utf8PathBuf,
    pub timeout: Duration,
}

/// A started program. Dropped, it is ended.
#[derive(Debug)]
pub struct Running {
    warden: Child,
    reports: BufReader<ChildStdout>,
    leash: Arc<Leash>,
    _busy: Busy,
}

/// Whoever holds the other end runs as long as this one is open.
#[derive(Debug)]
struct Leash(Mutex<Option<ChildStdin>>);

impl Leash {
    fn let_go(&self) {
        drop(lock(&self.0).take());
    }
}

/// Ends a program from another thread.
#[derive(Debug, Clone)]
pub struct Stop(Weak<Leash>);

impl Stop {
    /// Asks for the end; [`Running::wait`] tells when it has come. Does not wait.
    pub fn now(&self) {
        self.0.upgrade().iter().for_each(|leash| leash.let_go());
    }
}

/// What is inherited from us: everything but the inputs and channels of a CI job and gait's signing keys.
pub fn inherited() -> Vec<(OsString, OsString)> {
    std::env::vars_os().filter(|(name, _)| !withheld(&name.to_string_lossy())).collect()
}

/// Whether the variable `name` is kept from programs we start.
fn withheld(name: &str) -> bool {
    const EXACTLY: [&str; 6] =
        ["GITHUB_TOKEN", "GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_PATH", "GITHUB_STATE", "GITHUB_STEP_SUMMARY"];
    EXACTLY.contains(&name)
        || ["INPUT_", "ACTIONS_"].iter().any(|start| name.starts_with(start))
        || name.starts_with("GAIT_") && name.contains("KEY")
}

/// Starts a program. `InvalidInput`: its folder is not there, or everything is being ended. That the program itself cannot
/// be started is told by [`Running::wait`].
pub fn start(program: &Program) -> Result<Running> {
    start_in(program, None)
}

/// As [`start`], with a folder that goes away with us, even where we are killed.
pub fn start_in(program: &Program, scratch: Option<&Utf8Path>) -> Result<Running> {
    if cfg!(not(unix)) {
        return Err(Error::new(Kind::DependencyMissing, "programs can be looked after on Linux and macOS only"));
    }
    let busy = busy()?;
    if !program.cwd.is_dir() {
        return Err(Error::invalid(format!("the folder {} does not exist", program.cwd)));
    }
    let absolute = |path: &Utf8Path| std::path::absolute(path).map_err(|e| Error::io("find", path, e));
    let job = Job {
        argv: program.argv.clone(),
        stdin: program.stdin.as_deref().map(absolute).transpose()?,
        stdout: absolute(&program.stdout)?,
        stderr: absolute(&program.stderr)?,
        timeout: program.timeout,
        scratch: scratch.map(absolute).transpose()?,
    };
    let mut line = serde_json::to_vec(&job).map_err(|e| Error::new(Kind::Internal, e.to_string()))?;
    line.push(b'\n');
    let failed = |error| Error::io("start a helper in", &program.cwd, error);
    let mut command = Command::new(helper::program()?);
    command.arg(helper::WARDEN).current_dir(&program.cwd).env_clear().envs(inherited());
    command.envs(program.env.iter().map(|(name, value)| (name, value)));
    // Out of our group: what a terminal's keys end is us, and our end is its own.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut warden = command.spawn().map_err(failed)?;
    let gone = || Error::new(Kind::Internal, "a helper process has no streams");
    let (mut input, output) = (warden.stdin.take().ok_or_else(gone)?, warden.stdout.take().ok_or_else(gone)?);
    input.write_all(&line).map_err(failed)?;
    let leash = Arc::new(Leash(Mutex::new(Some(input))));
    lock(&EVERYTHING.state).leashes.push(Arc::downgrade(&leash));
    let running = Running { warden, reports: BufReader::new(output), leash, _busy: busy };
    if lock(&EVERYTHING.state).ending {
        running.leash.let_go();
    }
    Ok(running)
}

impl Running {
    /// What ends it from elsewhere.
    pub fn stop(&self) -> Stop {
        Stop(Arc::downgrade(&self.leash))
    }

    /// Waits until nothing of it is left, and tells how it ended.
    pub fn wait(mut self) -> Result<Report> {
        let mut line = String::new();
        let read = self.reports.read_line(&mut line);
        let _ = self.warden.wait();
        let report = read.ok().and_then(|_| serde_json::from_str(&line).ok());
        report.ok_or_else(|| Error::new(Kind::Internal, "the process that looked after the program was killed"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.leash.let_go();
        let _ = self.warden.wait();
    }
}

/// The last lines of a file of any size, control characters made visible by whoever shows them.
pub fn tail(path: &Utf8Path, lines: usize) -> String {
    const READ: u64 = 16 << 10;
    let read = || {
        let mut file = std::fs::File::open(path)?;
        let length = file.metadata()?.len();
        std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(length.saturating_sub(READ)))?;
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut std::io::Read::take(file, READ), &mut bytes)?;
        Ok::<_, std::io::Error>(bytes)
    };
    let text = String::from_utf8_lossy(&read().unwrap_or_default()).into_owned();
    let all: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

/// Everything that was started and is not over.
struct Everything {
    state: Mutex<Started>,
    over: Condvar,
}

struct Started {
    busy: usize,
    ending: bool,
    leashes: Vec<Weak<Leash>>,
}

static EVERYTHING: Everything =
    Everything { state: Mutex::new(Started { busy: 0, ending: false, leashes: Vec::new() }), over: Condvar::new() };

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Work that [`end_all`] waits for, such as folders to be taken away.
#[derive(Debug)]
pub struct Busy(());

/// Says that there is work. An error once everything is being ended.
pub fn busy() -> Result<Busy> {
    let mut state = lock(&EVERYTHING.state);
    if state.ending {
        return Err(Error::new(Kind::Internal, "interrupted"));
    }
    state.busy += 1;
    state.leashes.retain(|leash| leash.strong_count() > 0);
    Ok(Busy(()))
}

impl Drop for Busy {
    fn drop(&mut self) {
        lock(&EVERYTHING.state).busy -= 1;
        EVERYTHING.over.notify_all();
    }
}

/// Ends every program for good and waits, at most `patience`, until nothing is left of any.
pub fn end_all(patience: Duration) {
    let mut state = lock(&EVERYTHING.state);
    state.ending = true;
    state.leashes.iter().filter_map(Weak::upgrade).for_each(|leash| leash.let_go());
    let _ = EVERYTHING.over.wait_timeout_while(state, patience, |state| state.busy > 0);
}

/// From now on a signal that ends us ends every program first.
pub fn end_all_on_signals() -> Result<()> {
    static ONCE: AtomicBool = AtomicBool::new(false);
    if ONCE.swap(true, Ordering::Relaxed) {
        return Ok(());
    }
    process::on_end_signals(|signal| {
        end_all(PATIENCE);
        process::die(signal);
    })
}
