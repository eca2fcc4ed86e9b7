//! GitHub's API: one call at a time, within limits of time and size, nothing repeated that may have been done.

use http_body_util::{BodyExt as _, Limited};
use octocrab::Octocrab;
use serde_json::Value;
use std::fmt;
use std::time::Duration;

/// Largest answer read, in bytes.
const BODY_LIMIT: usize = 32 << 20;
/// Longest message of GitHub's that is passed on, in bytes.
const MESSAGE_LIMIT: usize = 300;
/// Longest wait that GitHub may ask for, in seconds.
const PATIENCE: u64 = 10;
/// How often a call is tried.
const TRIES: u32 = 3;

/// How long is waited.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// For one answer.
    pub answer: Duration,
    /// Before a call that may be repeated is repeated.
    pub pause: Duration,
    /// For everything together.
    pub total: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self { answer: Duration::from_secs(8), pause: Duration::from_millis(500), total: Duration::from_secs(30) }
    }
}

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// An answer that says no: status and message.
    Refused(u16, String),
    /// Too many calls; seconds until the next may be made, if GitHub said.
    Limited(Option<u64>),
    /// No answer in time.
    TimedOut,
    /// No connection, or it broke.
    Unreachable(String),
    /// An answer that makes no sense.
    Odd(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(status, message) => write!(f, "GitHub answered {status}: {message}"),
            Self::Limited(Some(seconds)) => write!(f, "GitHub's rate limit is used up for {seconds} s"),
            Self::Limited(None) => write!(f, "GitHub's rate limit is used up"),
            Self::TimedOut => write!(f, "GitHub did not answer in time"),
            Self::Unreachable(what) => write!(f, "GitHub cannot be reached: {what}"),
            Self::Odd(what) => write!(f, "GitHub's answer makes no sense: {what}"),
        }
    }
}

/// An answer that says yes.
#[derive(Debug)]
pub struct Answer {
    pub body: Value,
    /// Path of the next page.
    pub next: Option<String>,
}

/// A call; only a POST must not be repeated when it may have been done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call<'a> {
    Get,
    Post(&'a Value),
    Patch(&'a Value),
    Delete,
}

/// The API as one repository's workflow sees it.
pub struct GitHub {
    client: Octocrab,
    api: String,
    times: Times,
}

/// What came of one try.
enum Tried {
    Done(Answer),
    /// Refused before anything was done: may be repeated after so many seconds.
    Wait(Option<u64>),
    /// Nobody knows whether it was done.
    Broken(Failure),
    Refused(Failure),
}

impl GitHub {
    /// A client for the API at `api`. It is made inside a runtime.
    pub fn new(api: &str, token: &str, times: Times) -> Result<Self, Failure> {
        let odd = |error: octocrab::Error| Failure::Odd(told(&error));
        let client = Octocrab::builder().base_uri(api).map_err(odd)?.personal_token(token);
        let client = client.set_connect_timeout(Some(times.answer)).build().map_err(odd)?;
        Ok(Self { client, api: api.to_owned(), times })
    }

    /// Makes a call to `path`, which begins with `/`.
    pub async fn call(&self, call: Call<'_>, path: &str) -> Result<Answer, Failure> {
        for attempt in 1.. {
            let tried = match tokio::time::timeout(self.times.answer, self.once(call, path)).await {
                Ok(tried) => tried,
                Err(_) => Tried::Broken(Failure::TimedOut),
            };
            let last = attempt == TRIES;
            match tried {
                Tried::Done(answer) => return Ok(answer),
                Tried::Wait(Some(seconds)) if seconds <= PATIENCE && !last => {
                    tokio::time::sleep(Duration::from_secs(seconds)).await;
                }
                Tried::Wait(seconds) => return Err(Failure::Limited(seconds)),
                Tried::Broken(failure) if last || matches!(call, Call::Post(_)) => return Err(failure),
                Tried::Broken(_) => tokio::time::sleep(self.times.pause).await,
                Tried::Refused(failure) => return Err(failure),
            }
        }
        Err(Failure::TimedOut)
    }

    async fn once(&self, call: Call<'_>, path: &str) -> Tried {
        let sent = match call {
            Call::Get => self.client._get(path).await,
            Call::Post(body) => self.client._post(path, Some(body)).await,
            Call::Patch(body) => self.client._patch(path, Some(body)).await,
            Call::Delete => self.client._delete(path, None::<&()>).await,
        };
        let response = match sent {
            Ok(response) => response,
            Err(error) => return Tried::Broken(Failure::Unreachable(told(&error))),
        };
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (status, wait) = (response.status().as_u16(), header("retry-after"));
        let used_up = header("x-ratelimit-remaining").as_deref() == Some("0");
        let next = header("link").and_then(|link| next_page(&link));
        let body = match Limited::new(response.into_body(), BODY_LIMIT).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) => return Tried::Broken(Failure::Unreachable(error.to_string())),
        };
        match status {
            200..=299 if body.is_empty() => Tried::Done(Answer { body: Value::Null, next: None }),
            200..=299 => match serde_json::from_slice(&body) {
                Ok(body) => Tried::Done(Answer { body, next: next.and_then(|url| self.path(&url)) }),
                Err(error) => Tried::Refused(Failure::Odd(error.to_string())),
            },
            429 => Tried::Wait(wait.and_then(|seconds| seconds.trim().parse().ok())),
            403 if wait.is_some() || used_up => Tried::Wait(wait.and_then(|seconds| seconds.trim().parse().ok())),
            500..=599 => Tried::Broken(Failure::Refused(status, message(&body))),
            _ => Tried::Refused(Failure::Refused(status, message(&body))),
        }
    }

    /// The path of a URL of this API, and of no other: a token goes nowhere else.
    fn path(&self, url: &str) -> Option<String> {
        url.strip_prefix(&self.api).filter(|path| path.starts_with('/')).map(str::to_owned)
    }
}

/// The innermost reason: the outer ones say only that something went wrong.
fn told(error: &(dyn std::error::Error + 'static)) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

fn next_page(link: &str) -> Option<String> {
    let next = link.split(',').find(|part| part.contains("rel=\"next\""))?;
    Some(next.split_once('<')?.1.split_once('>')?.0.to_owned())
}

fn message(body: &[u8]) -> String {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = value.get("message").and_then(Value::as_str).unwrap_or("no reason given");
    crate::report::text::clip(&crate::report::text::one_line(text), MESSAGE_LIMIT)
}
