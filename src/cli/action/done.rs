//! What a command of the action came to, before anybody is told.

use crate::action::inputs::{Command, Inputs};
use crate::cli::exit::Exit;
use crate::cli::output::Answer;
use crate::kernel::error::{Error, Kind};
use crate::report::annotations::{self, Annotation};
use crate::report::comment::Told;
use crate::report::group;
use crate::report::memory::Results;
use crate::report::model::Report;
use crate::report::notice::Notice;
use camino::Utf8PathBuf;

/// Verdict of the step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Pass,
    Fail,
    Error,
}

impl Status {
    /// The word in outputs and files.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Error => "error",
        }
    }
}

/// What there is to show.
#[derive(Debug)]
pub enum Body {
    Report(Box<Report>),
    Notice(Notice),
}

/// How many of what was checked: fixtures, or packs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub passed: usize,
    pub failed: usize,
    pub flaky: usize,
    pub not_exercised: usize,
}

/// Files besides `summary.txt`, relative to the working directory.
#[derive(Debug, Default)]
pub struct Files {
    pub report: Option<String>,
    pub junit: Option<String>,
    pub html: Option<String>,
    /// What the command would have printed under `--json`: name in the artifact folder.
    pub answer: Option<&'static str>,
    pub binary: Option<Utf8PathBuf>,
}

/// A command that ran.
#[derive(Debug)]
pub struct Done {
    pub exit: Exit,
    pub body: Body,
    pub counts: Counts,
    pub files: Files,
    pub answer: Option<Answer>,
    /// `key=value` lines of `summary.txt` between the command and the ticket footer.
    pub facts: Vec<(&'static str, String)>,
    /// Of failing fixtures, else of the first one: (fixture, line).
    pub footers: Vec<(String, String)>,
}

impl Done {
    /// A command that came to no verdict of its own.
    pub fn failed(command: &str, error: &Error) -> Self {
        let exit = Exit::from(error.kind());
        let hint = error.hint_text().map_or_else(String::new, |hint| format!("hint: {hint}\n"));
        let title = format!("{command} error: {}", exit.error_code());
        let told = Annotation::error(None, format!("gait {command} error"), format!("{error}\n{hint}"));
        let notice = Notice { title, headline: error.to_string(), problems: vec![told], text: String::new() };
        Self {
            exit,
            body: Body::Notice(notice),
            counts: Counts::default(),
            files: Files::default(),
            answer: Some(Answer::failure(command, error)),
            facts: vec![("status", "error".to_owned())],
            footers: Vec::new(),
        }
    }

    /// The error of a command that was refused for its arguments.
    pub fn refused(what: &str) -> Error {
        Error::new(Kind::InvalidInput, what)
            .hint("input args takes flags of the command, and nothing that runs nothing")
    }

    /// What is told.
    pub fn told(&self) -> Told<'_> {
        match &self.body {
            Body::Report(report) => Told::Report(report),
            Body::Notice(notice) => Told::Notice(notice),
        }
    }

    /// What is shown at its place, the worst first.
    pub fn annotations(&self) -> Vec<Annotation> {
        match &self.body {
            Body::Report(report) => annotations::of(report),
            Body::Notice(notice) => notice.problems.clone(),
        }
    }

    /// What the next run is compared with.
    pub fn results(&self) -> Option<Results> {
        match &self.body {
            Body::Report(report) => Some(Results::of(report)),
            Body::Notice(_) => None,
        }
    }

    /// The verdict in a few words.
    pub fn verdict(&self, command: &str, status: Status) -> String {
        let Counts { passed, failed, .. } = self.counts;
        match (&self.body, status) {
            (Body::Report(_), _) if failed > 0 => format!("fail: {failed} of {} fixtures failed", passed + failed),
            (Body::Report(_), _) => format!("pass: {passed} fixtures passed"),
            (Body::Notice(_), status) => format!("{command} {}", status.word()),
        }
    }

    /// How the step ends: what its inputs make of the command's exit code.
    pub fn step(&self, inputs: &Inputs) -> (Status, Exit) {
        let expecting = matches!(inputs.command, Command::Gate | Command::PolicyTest);
        let expected = expecting && inputs.expect_exit.contains(&self.exit.code());
        let status = match self.exit {
            _ if expected => return (Status::Pass, Exit::Ok),
            Exit::Ok if expecting => return (Status::Fail, Exit::Internal),
            Exit::Ok => Status::Pass,
            Exit::RegressFailed | Exit::VerificationFailed | Exit::PolicyBlocked | Exit::ApprovalRequired => {
                Status::Fail
            }
            Exit::Internal | Exit::InvalidInput | Exit::DependencyMissing | Exit::UnsafeRefused => Status::Error,
        };
        let tolerated = inputs.tolerant && self.exit == Exit::RegressFailed;
        (status, if tolerated { Exit::Ok } else { self.exit })
    }
}

/// The counts of a report.
pub fn counts(report: &Report) -> Counts {
    let fixtures = group::fixtures(report);
    let failed = fixtures.iter().filter(|fixture| fixture.failed()).count();
    let flaky = fixtures.iter().filter(|fixture| !fixture.failed() && fixture.flakes().next().is_some()).count();
    let exercised = report.exercised.with_candidate;
    Counts {
        passed: fixtures.len() - failed,
        failed,
        flaky,
        not_exercised: report.exercised.fixtures.saturating_sub(exercised),
    }
}
