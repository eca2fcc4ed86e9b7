//! The verdict told where people look: comment and check run. What cannot be told there is a remark, never an error.

use crate::action::checks::{self, Check};
use crate::action::comment::{self, Post, Posted};
use crate::action::context::{Context, Event};
use crate::action::github::{Call, Failure, GitHub, Times};
use crate::action::inputs::{CommentMode, Inputs};
use crate::report::annotations::Annotation;
use crate::report::comment::Told;
use crate::report::memory::{Results, Run};
use serde_json::Value;
use std::future::Future;

/// Name of the check run.
const CHECK: &str = "gait regress";
/// Largest summary of a check run, in bytes; GitHub takes 65,535 characters.
const CHECK_LIMIT: usize = 60_000;

/// What is told.
pub struct Message<'a> {
    pub told: Told<'a>,
    pub annotations: &'a [Annotation],
    pub passed: bool,
    /// The verdict in a few words.
    pub verdict: String,
    pub results: Option<Results>,
}

/// What was told, and what was not.
#[derive(Debug, Default)]
pub struct Published {
    pub comment_url: String,
    /// The check run was made, with its annotations.
    pub checked: bool,
    /// Lines for the log; GitHub's words in them are untrusted.
    pub remarks: Vec<String>,
}

/// What is wanted of GitHub here.
struct Wanted {
    comment: bool,
    check: bool,
}

/// Comments and checks as the inputs say, within [`Times::total`].
pub fn publish(context: &Context, inputs: &Inputs, message: &Message<'_>, times: Times) -> Published {
    let mut out = Published::default();
    let wanted = wanted(context, inputs, &mut out);
    if !wanted.comment && !wanted.check {
        return out;
    }
    let (Some(token), Some(repository)) = (&inputs.token, &context.repository) else {
        let missing = if inputs.token.is_none() { "input token is empty" } else { "GITHUB_REPOSITORY is not set" };
        out.remarks.push(format!("not published: {missing}"));
        return out;
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            out.remarks.push(format!("not published: {error}"));
            return out;
        }
    };
    runtime.block_on(async {
        let deadline = tokio::time::Instant::from_std(crate::kernel::clock::later(times.total));
        let github = match GitHub::new(&context.api, token.reveal(), times) {
            Ok(github) => github,
            Err(failure) => return out.remarks.push(format!("not published: {failure}")),
        };
        if wanted.check {
            let made = within(deadline, check(&github, repository, context, message)).await;
            out.checked = made.is_ok();
            if let Err(failure) = made {
                out.remarks.extend(advice("check run", "checks: write", &failure, context));
            }
        }
        if wanted.comment {
            match within(deadline, say(&github, repository, context, inputs, message)).await {
                Ok(Ok(url)) => out.comment_url = url,
                Ok(Err(remark)) => out.remarks.push(remark),
                Err(failure) => out.remarks.extend(advice("comment", "pull-requests: write", &failure, context)),
            }
        }
    });
    // Connections that hang must not hold the process.
    runtime.shutdown_background();
    out
}

fn wanted(context: &Context, inputs: &Inputs, out: &mut Published) -> Wanted {
    let comment = inputs.comment != CommentMode::Off
        && match &context.event {
            Event::PullRequest { .. } => true,
            Event::WorkflowRun { numbers, .. } => {
                let known = inputs.pr_number.is_some() || !numbers.is_empty();
                if !known {
                    let what = "no comment: the event names no pull request (it never does for forks), and input \
                                pr-number is empty";
                    out.remarks.push(what.to_owned());
                }
                known
            }
            Event::MergeGroup { .. } | Event::Other(_) => false,
        };
    Wanted { comment, check: inputs.checks && !context.head().is_empty() }
}

async fn within<T>(
    deadline: tokio::time::Instant,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::time::timeout_at(deadline, work).await.unwrap_or(Err(Failure::TimedOut))
}

async fn check(github: &GitHub, repository: &str, context: &Context, message: &Message<'_>) -> Result<(), Failure> {
    let summary = message.told.markdown(CHECK_LIMIT, false, "");
    let check = Check {
        repository,
        name: CHECK,
        head: context.head(),
        passed: message.passed,
        title: &message.verdict,
        summary: &summary,
        annotations: message.annotations,
    };
    checks::create(github, check).await
}

/// The URL of the comment, or why there is none.
async fn say(
    github: &GitHub,
    repository: &str,
    context: &Context,
    inputs: &Inputs,
    message: &Message<'_>,
) -> Result<Result<String, String>, Failure> {
    let number = match &context.event {
        Event::PullRequest { number, .. } => *number,
        Event::WorkflowRun { numbers, head } => {
            let Some(number) = inputs.pr_number.or(numbers.first().copied()) else { return Ok(Ok(String::new())) };
            let pull = github.call(Call::Get, &format!("/repos/{repository}/pulls/{number}")).await?.body;
            if pull.pointer("/head/sha").and_then(Value::as_str) != Some(head) {
                return Ok(Err(format!(
                    "no comment: the head of pull request #{number} is not {head}, the commit this workflow ran for"
                )));
            }
            number
        }
        _ => return Ok(Ok(String::new())),
    };
    let marker = marker(context, inputs);
    let post = Post {
        repository,
        number,
        mode: inputs.comment,
        marker: &marker,
        told: message.told,
        passed: message.passed,
        run: Run { sha: context.head().to_owned(), id: context.run_id.clone(), verdict: message.verdict.clone() },
        results: message.results.clone(),
        author: inputs.comment_author.as_deref(),
    };
    Ok(Ok(match comment::post(github, post).await? {
        Posted::Created(url) | Posted::Edited(url) | Posted::Unchanged(url) => url,
        Posted::None => String::new(),
    }))
}

fn marker(context: &Context, inputs: &Inputs) -> String {
    let shard = inputs.shard.as_deref().unwrap_or_default();
    crate::report::comment::marker(&[
        &context.workflow,
        &context.job,
        &inputs.matrix,
        &inputs.workdir,
        &inputs.config,
        inputs.command.word(),
        shard,
    ])
}

/// What was not published, why, and what would change that.
fn advice(what: &str, permission: &str, failure: &Failure, context: &Context) -> Vec<String> {
    let mut lines = vec![format!("the {what} was not published: {failure}")];
    if !matches!(failure, Failure::Refused(401 | 403 | 404, _)) {
        return lines;
    }
    if matches!(context.event, Event::PullRequest { read_only: true, .. }) {
        lines.push(
            "a fork's or Dependabot's token may only read, whatever `permissions:` says: \
             comment from a second workflow, as templates/workflows/regress-fork-comment.yml does"
                .to_owned(),
        );
    } else {
        lines.push("the job needs:".to_owned());
        lines.extend(["permissions:", "  contents: read"].map(str::to_owned));
        lines.push(format!("  {permission}"));
    }
    lines
}
