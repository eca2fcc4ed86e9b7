//! The one comment that stays: found by its marker and its author, edited only when it changes.

use crate::action::github::{Call, Failure, GitHub};
use crate::action::inputs::CommentMode;
use crate::report::comment::{self, Told};
use crate::report::memory::{Memory, Results, Run};
use serde_json::{Value, json};

/// Whose comments are ours unless another token is used.
const BOT: &str = "github-actions[bot]";
/// Most pages of a hundred comments looked through.
const PAGES: usize = 300;

/// What is to be said, and where.
pub struct Post<'a> {
    /// `owner/name`.
    pub repository: &'a str,
    pub number: u64,
    pub mode: CommentMode,
    /// First line of the comment.
    pub marker: &'a str,
    pub told: Told<'a>,
    pub passed: bool,
    pub run: Run,
    pub results: Option<Results>,
    /// Login to look for where GitHub does not tell ours.
    pub author: Option<&'a str>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Posted {
    Created(String),
    Edited(String),
    Unchanged(String),
    /// The mode wants none.
    None,
}

/// A comment that is there.
struct Found {
    id: u64,
    url: String,
    body: String,
}

/// Creates or edits the comment.
pub async fn post(github: &GitHub, post: Post<'_>) -> Result<Posted, Failure> {
    let own = find(github, &post).await?;
    let before = own.as_ref().and_then(|own| Memory::read(&own.body));
    let (memory, delta) = Memory::after(before, post.run.clone(), post.results.clone());
    let body = comment::render(post.marker, post.told, delta.as_ref(), &memory);
    let unchanged = |own: &Found| own.body.replace("\r\n", "\n").trim_end() == body.trim_end();
    let said = json!({ "body": body });
    let issues = format!("/repos/{}/issues", post.repository);
    match (post.mode, own) {
        (CommentMode::Off, _) => Ok(Posted::None),
        (CommentMode::Failures, None) if post.passed => Ok(Posted::None),
        (CommentMode::Update | CommentMode::Recreate | CommentMode::Failures, Some(own)) if unchanged(&own) => {
            Ok(Posted::Unchanged(own.url))
        }
        (CommentMode::Update | CommentMode::Failures, Some(own)) => {
            let answer = github.call(Call::Patch(&said), &format!("{issues}/comments/{}", own.id)).await?;
            Ok(Posted::Edited(url(&answer.body)))
        }
        (mode, own) => {
            let answer = github.call(Call::Post(&said), &format!("{issues}/{}/comments", post.number)).await?;
            if let (CommentMode::Recreate, Some(own)) = (mode, own) {
                github.call(Call::Delete, &format!("{issues}/comments/{}", own.id)).await?;
            }
            Ok(Posted::Created(url(&answer.body)))
        }
    }
}

/// Our newest comment with this marker; a stranger's is left alone.
async fn find(github: &GitHub, post: &Post<'_>) -> Result<Option<Found>, Failure> {
    let mut path = format!("/repos/{}/issues/{}/comments?per_page=100", post.repository, post.number);
    let mut marked = Vec::new();
    for page in 1.. {
        let answer = github.call(Call::Get, &path).await?;
        let comments = answer.body.as_array().ok_or_else(|| Failure::Odd("no list of comments".to_owned()))?;
        marked.extend(comments.iter().filter(|comment| text(comment, "/body").starts_with(post.marker)).cloned());
        match answer.next {
            Some(next) if page < PAGES => path = next,
            _ => break,
        }
    }
    if marked.iter().any(|comment| text(comment, "/user/login") != BOT) {
        let login = match github.call(Call::Get, "/user").await {
            Ok(answer) => Some(text(&answer.body, "/login").to_owned()),
            Err(_) => post.author.map(str::to_owned),
        };
        let ours = |author: &str| author == BOT || login.as_deref() == Some(author);
        marked.retain(|comment| ours(text(comment, "/user/login")));
    }
    Ok(marked.last().and_then(|comment| {
        let id = comment.get("id")?.as_u64()?;
        Some(Found { id, url: url(comment), body: text(comment, "/body").to_owned() })
    }))
}

fn text<'a>(value: &'a Value, at: &str) -> &'a str {
    value.pointer(at).and_then(Value::as_str).unwrap_or_default()
}

fn url(comment: &Value) -> String {
    text(comment, "/html_url").to_owned()
}
