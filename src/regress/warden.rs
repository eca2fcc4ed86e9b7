//! The process between us and a program we start: it outlives neither the program nor us, and no descendant of the
//! program outlives it.
//!
//! It reads a [`Job`] as one line of JSON from standard input, starts the program, and writes a [`Report`] as one line to
//! standard output when nothing of it is left. The end of its input ends the program; so a caller that is killed takes
//! everything along.

use crate::kernel::clock::Stopwatch;
use crate::mcp::lineage;
use crate::mcp::process::{self, not_started};
pub use crate::regress::job::{Job, Report};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, wait};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

/// What is asked to end is killed after this long.
const GRACE: Duration = Duration::from_secs(2);
/// How long processes that cannot be killed are waited for.
const PATIENCE: Duration = Duration::from_secs(8);
/// How often somebody who does not end is looked for again.
const PAUSE: Duration = Duration::from_millis(20);

enum Event {
    /// A process below us is gone; how it ended.
    Gone(Pid, Report),
    /// No process is left below us.
    Alone,
    /// The caller wants an end, or is gone.
    Stop,
}

/// Does the job that standard input holds. `None`: there is none, or nobody to report to.
pub fn serve() -> Option<()> {
    let (input, mut output) = process::take_streams().ok()?;
    let mut input = BufReader::new(input);
    let mut line = String::new();
    input.read_line(&mut line).ok()?;
    let job: Job = serde_json::from_str(&line).ok()?;
    let report = run(&job, input).unwrap_or_else(Report::NotStarted);
    let mut told = serde_json::to_vec(&report).ok()?;
    told.push(b'\n');
    let heard = output.write_all(&told).ok();
    if let (None, Some(scratch)) = (heard, &job.scratch) {
        let _ = std::fs::remove_dir_all(scratch);
    }
    heard
}

fn run(job: &Job, mut leash: BufReader<File>) -> Result<Report, String> {
    let failed = |what: &str, error: &dyn std::fmt::Display| format!("cannot {what}: {error}");
    #[cfg(target_os = "linux")]
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).map_err(|e| failed("look after it", &e))?;
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM]).map_err(|e| failed("watch for signals", &e))?;
    let (program, args) = job.argv.split_first().ok_or("the command is empty")?;
    let input = match &job.stdin {
        Some(path) => Stdio::from(File::open(path).map_err(|e| failed("read its input", &e))?),
        None => Stdio::null(),
    };
    let file = |path: &Path| File::create(path).map_err(|e| failed(&format!("write {}", path.display()), &e));
    let (stdout, stderr) = (file(&job.stdout)?, file(&job.stderr)?);
    let mut command = Command::new(program);
    command.args(args).stdin(input).stdout(stdout).stderr(stderr).process_group(0);
    let watch = Stopwatch::start();
    let child = command.spawn().map_err(|error| not_started(program, error).to_string())?;
    let child = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or("it has no process id")?;
    let (sender, events) = mpsc::channel();
    let stop = sender.clone();
    std::thread::spawn(move || {
        let _ = io::copy(&mut leash, &mut io::sink());
        let _ = stop.send(Event::Stop);
    });
    let stop = sender.clone();
    std::thread::spawn(move || signals.forever().for_each(|_| drop(stop.send(Event::Stop))));
    std::thread::spawn(move || reap(&sender));
    let report = loop {
        match events.recv_timeout(job.timeout.saturating_sub(watch.elapsed())) {
            Ok(Event::Gone(pid, report)) if pid == child => break report,
            Ok(Event::Gone(..)) => {}
            Ok(Event::Stop) => break Report::Stopped,
            Err(RecvTimeoutError::Timeout) => break Report::TimedOut,
            Ok(Event::Alone) | Err(RecvTimeoutError::Disconnected) => return Err("it is gone".to_owned()),
        }
    };
    end(child, &events);
    Ok(report)
}

/// Takes leave of every process below us, as soon as it is gone.
fn reap(events: &Sender<Event>) {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) => {
                let signal = || Report::Signal(status.terminating_signal().unwrap_or_default());
                let report = status.exit_status().map_or_else(signal, Report::Code);
                let _ = events.send(Event::Gone(pid, report));
            }
            Err(rustix::io::Errno::INTR) | Ok(None) => {}
            Err(_) => {
                let _ = events.send(Event::Alone);
                return;
            }
        }
    }
}

/// Asks what is left below us to end, then kills it, until nothing is left.
fn end(child: Pid, events: &Receiver<Event>) {
    let watch = Stopwatch::start();
    let mut asked = HashSet::new();
    while watch.elapsed() < GRACE + PATIENCE {
        let signal = if watch.elapsed() < GRACE { Signal::TERM } else { Signal::KILL };
        for pid in below(child) {
            if signal == Signal::KILL || asked.insert(pid) {
                let _ = kill_process(pid, signal);
            }
        }
        if let Ok(Event::Alone) = events.recv_timeout(PAUSE) {
            break;
        }
    }
    // Where nobody can tell who is below us, those who stayed in the program's group are ended at least.
    if !cfg!(target_os = "linux") {
        let _ = rustix::process::kill_process_group(child, Signal::KILL);
    }
}

/// The processes below us, those who left the program's group or lost their parent too.
fn below(child: Pid) -> Vec<Pid> {
    if !cfg!(target_os = "linux") {
        return vec![child];
    }
    let found = lineage::descendants(std::process::id());
    found.into_iter().filter_map(|pid| Pid::from_raw(i32::try_from(pid).ok()?)).collect()
}
