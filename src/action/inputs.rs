//! The inputs of the action: `INPUT_<NAME>`, upper-case, dashes kept.

use crate::kernel::error::{Error, Result};
use std::fmt;
use zeroize::Zeroizing;

/// Every input and what it is where the workflow says nothing; `action.yml` says the same.
pub const INPUTS: [(&str, &str); 19] = [
    ("command", "regress"),
    ("config", "gait.yaml"),
    ("args", ""),
    ("workdir", "."),
    ("paths", ""),
    ("candidate-dir", ""),
    ("require-candidate", "false"),
    ("shard", ""),
    ("results", ""),
    ("pr-number", ""),
    ("comment", "update"),
    ("annotations", "true"),
    ("checks", "false"),
    ("token", "${{ github.token }}"),
    ("comment-author", ""),
    ("matrix", "${{ toJSON(matrix) }}"),
    ("artifact-dir", "gait-ci"),
    ("fail-on", "regression"),
    ("expect-exit", "0"),
];

/// What the action is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    Regress,
    Verify,
    Gate,
    PolicyTest,
    Install,
    Publish,
}

/// When and how the pull request is commented on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommentMode {
    /// One comment, edited.
    Update,
    /// One comment, written anew so that it stands last.
    Recreate,
    /// A comment for every run.
    New,
    /// As `Update`, but none is begun by a pass.
    Failures,
    Off,
}

/// A secret; zeroized, and never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Zeroizing<String>);

impl Token {
    /// The secret itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Token {
    fn from(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// The inputs as typed. Paths are relative to `workdir`, which is relative to the workspace.
#[derive(Debug, Clone)]
pub struct Inputs {
    pub command: Command,
    pub config: String,
    pub args: Vec<String>,
    pub workdir: String,
    pub paths: Vec<String>,
    pub candidate_dir: Option<String>,
    pub require_candidate: bool,
    pub shard: Option<String>,
    pub results: Vec<String>,
    pub pr_number: Option<u64>,
    pub comment: CommentMode,
    pub annotations: bool,
    pub checks: bool,
    pub token: Option<Token>,
    pub comment_author: Option<String>,
    pub matrix: String,
    pub artifact_dir: String,
    /// `fail-on: never`: a regression is told, and the step passes.
    pub tolerant: bool,
    /// Exit codes that pass, for `gate` and `policy-test`.
    pub expect_exit: Vec<u8>,
}

impl Command {
    /// The word in the workflow.
    pub fn word(self) -> &'static str {
        match self {
            Self::Regress => "regress",
            Self::Verify => "verify",
            Self::Gate => "gate",
            Self::PolicyTest => "policy-test",
            Self::Install => "install",
            Self::Publish => "publish",
        }
    }
}

/// Reads one input: trimmed, the default where it is empty.
struct Reader<'a>(&'a dyn Fn(&str) -> Option<String>);

impl Reader<'_> {
    fn text(&self, name: &str) -> String {
        let given = (self.0)(&format!("INPUT_{}", name.to_uppercase())).unwrap_or_default();
        let given = given.trim();
        if !given.is_empty() {
            return given.to_owned();
        }
        let default = INPUTS.iter().find(|(known, _)| *known == name).map_or("", |(_, default)| *default);
        if default.starts_with("${{") { String::new() } else { default.to_owned() }
    }

    fn optional(&self, name: &str) -> Option<String> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    fn lines(&self, name: &str) -> Vec<String> {
        let text = self.text(name);
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        lines.map(str::to_owned).collect()
    }

    fn word<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Result<T> {
        let text = self.text(name);
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        found.ok_or_else(|| {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            Error::invalid(format!("input {name}: {text:?} is none of {}", words.join(", ")))
        })
    }

    fn switch(&self, name: &str) -> Result<bool> {
        let on = ["true", "True", "TRUE"].map(|word| (word, true));
        let off = ["false", "False", "FALSE"].map(|word| (word, false));
        let all = [on, off].concat();
        self.word(name, &all)
            .map_err(|_| Error::invalid(format!("input {name}: {:?} is neither true nor false", self.text(name))))
    }
}

impl Inputs {
    /// Reads the inputs from the environment `var`.
    pub fn read(var: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let read = Reader(var);
        let args = shell_words::split(&read.text("args"))
            .map_err(|_| Error::invalid("input args: a quote is not closed").hint("words are split as a shell does"))?;
        let pr_number = read.optional("pr-number").map(|text| match text.parse::<u64>() {
            Ok(number) if number > 0 => Ok(number),
            _ => Err(Error::invalid(format!("input pr-number: {text:?} is no number of a pull request"))),
        });
        Ok(Self {
            command: read.word(
                "command",
                &[
                    Command::Regress,
                    Command::Verify,
                    Command::Gate,
                    Command::PolicyTest,
                    Command::Install,
                    Command::Publish,
                ]
                .map(|command| (command.word(), command)),
            )?,
            config: read.text("config"),
            args,
            workdir: read.text("workdir"),
            paths: read.lines("paths"),
            candidate_dir: read.optional("candidate-dir"),
            require_candidate: read.switch("require-candidate")?,
            shard: read.optional("shard"),
            results: read.lines("results"),
            pr_number: pr_number.transpose()?,
            comment: read.word(
                "comment",
                &[
                    ("update", CommentMode::Update),
                    ("recreate", CommentMode::Recreate),
                    ("new", CommentMode::New),
                    ("failures", CommentMode::Failures),
                    ("off", CommentMode::Off),
                ],
            )?,
            annotations: read.switch("annotations")?,
            checks: read.switch("checks")?,
            token: read.optional("token").as_deref().map(Token::from),
            comment_author: read.optional("comment-author"),
            matrix: read.text("matrix"),
            artifact_dir: read.text("artifact-dir"),
            tolerant: read.word("fail-on", &[("regression", false), ("never", true)])?,
            expect_exit: exits(&read.text("expect-exit"))?,
        })
    }
}

fn exits(text: &str) -> Result<Vec<u8>> {
    let words = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty());
    let code = |word: &str| {
        let bad = || Error::invalid(format!("input expect-exit: {word:?} is no exit code"));
        word.parse::<u8>().ok().filter(|code| *code <= 8).ok_or_else(bad)
    };
    words.map(code).collect()
}
