//! Where the action runs: the workspace, the event, the commit, and the files the runner reads.

use crate::kernel::error::{Error, Kind, Result};
use crate::kernel::fs::{self, DOCUMENT_LIMIT};
use camino::Utf8PathBuf;
use serde_json::Value;

/// What made the workflow run, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// `read_only`: of a fork or by Dependabot, whose token may read only, whatever `permissions:` says.
    PullRequest { number: u64, head: String, read_only: bool },
    /// A group of the merge queue; the number is a guess from the name of its branch.
    MergeGroup { number: Option<u64>, head: String },
    /// After another workflow; the numbers are empty for forks.
    WorkflowRun { numbers: Vec<u64>, head: String },
    /// `push`, `schedule`, a tag and whatever else has no pull request.
    Other(String),
}

/// Everything the runner says.
#[derive(Debug, Clone)]
pub struct Context {
    pub event: Event,
    /// Where the repository lies; outputs name paths relative to it.
    pub workspace: Utf8PathBuf,
    /// `owner/name`.
    pub repository: Option<String>,
    /// `GITHUB_SHA`: for a pull request the merge commit.
    sha: String,
    pub run_id: String,
    pub workflow: String,
    pub job: String,
    /// `https://api.github.com` or that of an own server, without a `/` at its end.
    pub api: String,
    /// File that `name=value` outputs are appended to.
    pub output: Option<Utf8PathBuf>,
    /// File that the job summary is appended to.
    pub summary: Option<Utf8PathBuf>,
    /// Folder for temporary files.
    pub temp: Option<Utf8PathBuf>,
}

impl Context {
    /// Reads the environment `var` and the event file. An event that cannot be read is told, and counts as one without
    /// a pull request.
    pub fn read(var: &dyn Fn(&str) -> Option<String>) -> (Self, Vec<String>) {
        let text = |name: &str| var(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let path = |name: &str| text(name).map(Utf8PathBuf::from);
        let mut remarks = Vec::new();
        let name = text("GITHUB_EVENT_NAME").unwrap_or_default();
        let payload = path("GITHUB_EVENT_PATH").map(payload).unwrap_or(Ok(Value::Null));
        let payload = payload.unwrap_or_else(|error| {
            remarks.push(format!("the event cannot be read, so nothing is known of a pull request: {error}"));
            Value::Null
        });
        let repository = text("GITHUB_REPOSITORY").filter(|name| is_repository(name));
        let dependabot = text("GITHUB_ACTOR").is_some_and(|actor| actor == "dependabot[bot]");
        let context = Self {
            event: event(&name, &payload, dependabot),
            workspace: path("GITHUB_WORKSPACE").unwrap_or_else(|| ".".into()),
            repository,
            sha: text("GITHUB_SHA").filter(|sha| is_sha(sha)).unwrap_or_default(),
            run_id: text("GITHUB_RUN_ID").unwrap_or_default(),
            workflow: text("GITHUB_WORKFLOW").unwrap_or_default(),
            job: text("GITHUB_JOB").unwrap_or_default(),
            api: text("GITHUB_API_URL").unwrap_or("https://api.github.com".to_owned()).trim_end_matches('/').to_owned(),
            output: path("GITHUB_OUTPUT"),
            summary: path("GITHUB_STEP_SUMMARY"),
            temp: path("RUNNER_TEMP").or(path("TMPDIR")),
        };
        (context, remarks)
    }

    /// The commit people know: the head of the pull request, not the merge made for it.
    pub fn head(&self) -> &str {
        match &self.event {
            Event::PullRequest { head, .. } | Event::MergeGroup { head, .. } | Event::WorkflowRun { head, .. } => head,
            Event::Other(_) => &self.sha,
        }
    }

    /// Goes to `workdir` below the workspace, and nowhere else.
    pub fn enter(&self, workdir: &str) -> Result<()> {
        let dir = fs::clean(workdir);
        if dir.is_absolute() || dir.starts_with("..") {
            return Err(Error::invalid(format!("input workdir: {workdir:?} is not below the workspace")));
        }
        let dir = self.workspace.join(dir);
        std::env::set_current_dir(&dir).map_err(|e| Error::io("enter", &dir, e).as_kind(Kind::InvalidInput))
    }
}

fn payload(path: Utf8PathBuf) -> Result<Value> {
    let bytes = fs::read(&path, DOCUMENT_LIMIT)?;
    serde_json::from_slice(&bytes).map_err(|e| Error::invalid(format!("{path}: {e}")))
}

fn event(name: &str, payload: &Value, dependabot: bool) -> Event {
    let sha = |at: &str| payload.pointer(at).and_then(Value::as_str).filter(|sha| is_sha(sha)).map(str::to_owned);
    let id = |at: &str| payload.pointer(at).and_then(Value::as_u64);
    match name {
        "pull_request" | "pull_request_target" | "pull_request_review" => {
            let (number, head) = (id("/pull_request/number"), sha("/pull_request/head/sha"));
            // A fork that was deleted has no repository.
            let fork = id("/pull_request/head/repo/id") != id("/pull_request/base/repo/id");
            let read_only = (fork || dependabot) && name != "pull_request_target";
            match (number, head) {
                (Some(number), Some(head)) => Event::PullRequest { number, head, read_only },
                _ => Event::Other(name.to_owned()),
            }
        }
        "merge_group" => match sha("/merge_group/head_sha") {
            Some(head) => {
                let branch = payload.pointer("/merge_group/head_ref").and_then(Value::as_str).unwrap_or_default();
                Event::MergeGroup { number: queued(branch), head }
            }
            None => Event::Other(name.to_owned()),
        },
        "workflow_run" => match sha("/workflow_run/head_sha") {
            Some(head) => {
                let listed = payload.pointer("/workflow_run/pull_requests").and_then(Value::as_array);
                let numbers = listed.into_iter().flatten().filter_map(|one| one.get("number")?.as_u64());
                Event::WorkflowRun { numbers: numbers.collect(), head }
            }
            None => Event::Other(name.to_owned()),
        },
        other => Event::Other(other.to_owned()),
    }
}

/// N of `refs/heads/gh-readonly-queue/<base>/pr-<N>-<sha>`.
fn queued(branch: &str) -> Option<u64> {
    let last =
        branch.strip_prefix("refs/heads/").unwrap_or(branch).strip_prefix("gh-readonly-queue/")?.rsplit('/').next()?;
    last.strip_prefix("pr-")?.split('-').next()?.parse().ok()
}

/// These stand in URLs.
fn is_sha(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn is_repository(text: &str) -> bool {
    let part = |part: &str| {
        !matches!(part, "" | "." | "..")
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    text.split_once('/').is_some_and(|(owner, name)| part(owner) && part(name))
}
