//! A program run in our place: its signals, its end, and the streams we stand in front of.

use crate::kernel::error::{Error, Kind};
use std::process::ExitStatus;

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    Code(u8),
    Signal(i32),
}

impl From<ExitStatus> for Ended {
    fn from(status: ExitStatus) -> Self {
        #[cfg(unix)]
        if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
            return Self::Signal(signal);
        }
        Self::Code(status.code().map_or(1, |code| u8::try_from(code & 0xff).unwrap_or(1)))
    }
}

impl Ended {
    /// `exit 0`, `signal 9`.
    pub fn word(self) -> String {
        match self {
            Self::Code(code) => format!("exit {code}"),
            Self::Signal(signal) => format!("signal {signal}"),
        }
    }

    /// The exit code that stands for it: that of a shell for a signal.
    pub fn code(self) -> u8 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => 128 | (signal & 0x7f) as u8,
        }
    }
}

/// The program could not be started.
pub fn not_started(program: &str, error: std::io::Error) -> Error {
    let missing = error.kind() == std::io::ErrorKind::NotFound;
    let kind = if missing { Kind::DependencyMissing } else { Kind::InvalidInput };
    Error::new(kind, format!("cannot start {program}: {error}")).hint("check the command behind `--`")
}

#[cfg(not(unix))]
pub use other::{Running, die, on_end_signals, ready, start, take_streams, terminate};
/// What a file, a pipe and a socket have in common.
#[cfg(unix)]
pub use std::os::fd::AsFd as Stream;
#[cfg(windows)]
pub use std::os::windows::io::AsHandle as Stream;
#[cfg(unix)]
pub use unix::{Running, die, has_bytes, on_end_signals, ready, start, take_streams, terminate};

#[cfg(unix)]
mod unix {
    use crate::kernel::error::{Error, Kind, Result};
    use crate::mcp::process::{Ended, not_started};
    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
    use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
    use signal_hook::iterator::Signals;
    use std::fs::File;
    use std::os::fd::AsFd;
    use std::process::{Child, Command};
    use std::sync::{Arc, Mutex, PoisonError};

    fn failed(what: &str, error: impl std::fmt::Display) -> Error {
        Error::new(Kind::Internal, format!("cannot {what}: {error}"))
    }

    /// Our standard input and output as files of our own. What stays in their place is `/dev/null`, so that dropping
    /// one of the files closes that stream for good.
    pub fn take_streams() -> Result<(File, File)> {
        let copy = |fd: std::os::fd::BorrowedFd<'_>| fd.try_clone_to_owned().map(File::from);
        let input = copy(rustix::stdio::stdin()).map_err(|e| failed("take standard input", e))?;
        let output = copy(rustix::stdio::stdout()).map_err(|e| failed("take standard output", e))?;
        let null = File::options().read(true).write(true).open("/dev/null").map_err(|e| failed("open /dev/null", e))?;
        rustix::stdio::dup2_stdin(null.as_fd()).map_err(|e| failed("take standard input", e))?;
        rustix::stdio::dup2_stdout(null.as_fd()).map_err(|e| failed("take standard output", e))?;
        Ok((input, output))
    }

    /// Waits until a stream that somebody made non-blocking has bytes, or room for some.
    pub fn ready(stream: &impl AsFd, room: bool) {
        let flags = if room { PollFlags::OUT } else { PollFlags::IN };
        let _ = poll(&mut [PollFd::new(stream, flags)], None);
    }

    /// Whether there is something to read right now, the end of the stream not counted.
    pub fn has_bytes(stream: &impl AsFd) -> bool {
        let mut found = [PollFd::new(stream, PollFlags::IN)];
        let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut found, Some(&now)).is_ok() && found[0].revents().contains(PollFlags::IN)
    }

    /// A started program that gets the signals we get.
    pub struct Running {
        pub child: Child,
        target: Arc<Mutex<Option<Pid>>>,
    }

    /// Starts a program. From now on what asks us to end asks it instead.
    pub fn start(command: &mut Command) -> Result<Running> {
        let program = command.get_program().to_string_lossy().into_owned();
        let watched = [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2];
        // Before the start: a signal in between is passed on once there is somebody to pass it to.
        let mut signals = Signals::new(watched).map_err(|e| failed("watch for signals", e))?;
        let child = command.spawn().map_err(|error| not_started(&program, error))?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let target = Arc::new(Mutex::new(pid));
        let shared = target.clone();
        std::thread::spawn(move || {
            for signal in &mut signals {
                let target = shared.lock().unwrap_or_else(PoisonError::into_inner);
                if let (Some(pid), Some(named)) = (*target, Signal::from_named_raw(signal))
                    && !(matches!(signal, SIGINT | SIGQUIT) && typed())
                {
                    let _ = kill_process(pid, named);
                }
            }
        });
        Ok(Running { child, target })
    }

    /// Whether we are in a terminal's foreground, where a key's signal reaches the program by itself.
    fn typed() -> bool {
        let terminal = File::open("/dev/tty").ok();
        let foreground = terminal.and_then(|terminal| rustix::termios::tcgetpgrp(terminal).ok());
        foreground == Some(rustix::process::getpgrp())
    }

    impl Running {
        /// Waits for its end. No signal is sent to it once its process id may be somebody else's.
        pub fn wait(&mut self) -> Result<Ended> {
            if let Ok(Some(pid)) = self.target.lock().map(|target| *target) {
                while waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)
                    .is_err_and(|e| e == rustix::io::Errno::INTR)
                {}
            }
            *self.target.lock().unwrap_or_else(PoisonError::into_inner) = None;
            self.child.wait().map(Ended::from).map_err(|e| failed("wait for the program", e))
        }
    }

    /// Asks the process to end.
    pub fn terminate(pid: u32) {
        if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
    }

    /// Ends this process by `signal`, as the program ended. Returns where the signal does not end a process.
    pub fn die(signal: i32) {
        let own = i32::try_from(std::process::id()).ok().and_then(Pid::from_raw);
        if let (Some(pid), Some(Signal::KILL)) = (own, Signal::from_named_raw(signal)) {
            let _ = kill_process(pid, Signal::KILL);
        }
        let _ = signal_hook::low_level::emulate_default_handler(signal);
    }

    /// Calls `then` in a thread of its own at the first SIGINT, SIGTERM or SIGHUP.
    pub fn on_end_signals(then: impl FnOnce(i32) + Send + 'static) -> Result<()> {
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(|e| failed("watch for signals", e))?;
        std::thread::spawn(move || {
            if let Some(signal) = signals.forever().next() {
                then(signal);
            }
        });
        Ok(())
    }
}

/// Without signals: what ends a console's programs reaches every one of them by itself.
#[cfg(not(unix))]
mod other {
    use crate::kernel::error::{Error, Kind, Result};
    use crate::mcp::process::{Ended, Stream, not_started};
    use std::fs::File;
    use std::io::{stdin, stdout};
    use std::process::{Child, Command};
    use std::time::Duration;

    fn failed(what: &str, error: impl std::fmt::Display) -> Error {
        Error::new(Kind::Internal, format!("cannot {what}: {error}"))
    }

    /// Our standard input and output as files of our own.
    pub fn take_streams() -> Result<(File, File)> {
        let (input, output) = (stdin(), stdout());
        let input = input.as_handle().try_clone_to_owned().map_err(|e| failed("take standard input", e))?;
        let output = output.as_handle().try_clone_to_owned().map_err(|e| failed("take standard output", e))?;
        Ok((input.into(), output.into()))
    }

    /// Lets a stream that would block catch up.
    pub fn ready(_: &impl Stream, _: bool) {
        std::thread::sleep(Duration::from_millis(1));
    }

    /// A started program.
    pub struct Running {
        pub child: Child,
    }

    /// Starts a program.
    pub fn start(command: &mut Command) -> Result<Running> {
        let program = command.get_program().to_string_lossy().into_owned();
        command.spawn().map(|child| Running { child }).map_err(|error| not_started(&program, error))
    }

    impl Running {
        /// Waits for its end.
        pub fn wait(&mut self) -> Result<Ended> {
            self.child.wait().map(Ended::from).map_err(|e| failed("wait for the program", e))
        }
    }

    /// There is no way to ask.
    pub fn terminate(_: u32) {}

    /// Returns: there are no signals to end by.
    pub fn die(_: i32) {}

    /// There are no signals to hear.
    pub fn on_end_signals(_: impl FnOnce(i32) + Send + 'static) -> Result<()> {
        Ok(())
    }
}
