//! The whole program: arguments, one command, one answer, one exit code.

#[cfg(feature = "action")]
use crate::cli::action::cmd::ActionCmd;
use crate::cli::approve::ApproveCmd;
use crate::cli::chain;
use crate::cli::delegate::DelegateCmd;
use crate::cli::demo::live;
use crate::cli::doctor::DoctorCmd;
use crate::cli::exit::{self, Exit};
use crate::cli::gate::GateCmd;
use crate::cli::init::InitCmd;
use crate::cli::keys::KeysCmd;
use crate::cli::mcp::group::McpCmd;
use crate::cli::migrate::{DemoCmd, MigrateCmd};
use crate::cli::output::{self, Answer};
use crate::cli::policy::group::PolicyCmd;
use crate::cli::regress::group::RegressCmd;
use crate::cli::run::diff;
use crate::cli::run::group::RunCmd;
use crate::cli::session;
use crate::cli::trace::TraceCmd;
use crate::cli::verify::VerifyCmd;
use crate::cli::version::{self, CompletionsCmd};
use crate::kernel::clock::Clock;
use crate::kernel::digest::{Hasher, hex};
use crate::kernel::error::{Error, Result};
use crate::mcp::process::{self, Ended};
use crate::regress::helper;
use crate::scout::telemetry::Telemetry;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};
use std::process::ExitCode;

/// Record what an AI agent does with its tools, prove the record, and turn it into a regression test
#[derive(Debug, Parser)]
#[command(name = "gait", version, args_override_self = true, subcommand_required = true, arg_required_else_help = true)]
struct Root {
    /// Print one JSON object instead of text
    #[arg(long, global = true, display_order = 900)]
    json: bool,
    /// Say in one line what the command is for, and do nothing
    #[arg(long, global = true, display_order = 900)]
    explain: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(DemoCmd),
    Init(InitCmd),
    Run(RunCmd),
    Verify(VerifyCmd),
    Regress(RegressCmd),
    Mcp(McpCmd),
    Gate(GateCmd),
    Approve(ApproveCmd),
    Delegate(DelegateCmd),
    Policy(PolicyCmd),
    Keys(KeysCmd),
    Migrate(MigrateCmd),
    Trace(TraceCmd),
    Doctor(DoctorCmd),
    #[cfg(feature = "action")]
    Action(ActionCmd),
    Completions(CompletionsCmd),
    /// Print the version
    Version,
}

/// The labels that stand in front of an error where they are not the command's own words.
const LABELS: [(&str, &str); 8] = [
    ("delegate mint", "delegate"),
    ("delegate verify", "delegate"),
    ("run record", "record"),
    ("run inspect", "inspect"),
    ("run receipt", "receipt"),
    ("run replay", "replay"),
    ("run diff", "diff"),
    ("keys rotate", "keys init"),
];

/// Runs the program with the process's arguments.
pub fn main() -> ExitCode {
    let args: Vec<String> = std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect();
    let rest = args.get(1..).unwrap_or_default();
    if let Some(code) = helper::play(rest).or_else(|| live::play(rest)) {
        return code;
    }
    let json = args.iter().skip(1).take_while(|arg| *arg != "--").any(|arg| arg == "--json");
    let correlation_id = correlation_id(&args);
    let mut telemetry = Telemetry::from_env(args.get(1..).unwrap_or_default(), &correlation_id, Clock::system());
    telemetry.start().iter().for_each(|warning| output::stderr(warning));
    let answer = answer(&args, &correlation_id);
    let (ended, category) = (answer.ended(), answer.category());
    let code = ended.map_or(answer.exit().code(), Ended::code);
    answer.print(json, &correlation_id);
    let warnings = telemetry.end(code, category, exit::retryable(category));
    warnings.iter().for_each(|warning| output::stderr(warning));
    if let Some(Ended::Signal(signal)) = ended {
        process::die(signal);
    }
    ExitCode::from(code)
}

/// `GAIT_CORRELATION_ID` where it is 24 hex digits, else derived from the command line: the same line, the same id.
fn correlation_id(args: &[String]) -> String {
    let given = std::env::var("GAIT_CORRELATION_ID").unwrap_or_default();
    if given.len() == 24 && given.bytes().all(|b| b.is_ascii_hexdigit()) {
        return given.to_lowercase();
    }
    let mut hasher = Hasher::default();
    for (at, arg) in args.iter().enumerate() {
        if at > 0 {
            hasher.update(b"\x1f");
        }
        hasher.update(arg.trim().as_bytes());
    }
    hex(&hasher.finish().bytes()[..12])
}

fn answer(args: &[String], correlation_id: &str) -> Answer {
    let rest = args.get(1..).unwrap_or_default();
    let words: Vec<&str> = rest.iter().map(String::as_str).filter(|arg| *arg != "--json").collect();
    let version = rest.is_empty() || matches!(words.as_slice(), ["version" | "--version" | "-v" | "-V"]);
    if version {
        return version::answer().unwrap_or_else(|error| Answer::failure("version", &error));
    }
    if explains(rest) {
        return Answer::text_only(explanation(rest), Exit::Ok);
    }
    match Root::try_parse_from(args) {
        Ok(root) => root.command.run(root.json, correlation_id).unwrap_or_else(|error| failure(rest, &error)),
        Err(usage) => usage_answer(&usage, rest),
    }
}

/// Whether `--explain` stands anywhere. The commands that decide do not take it in the place of a flag's value: whoever
/// writes the value would end them with 0.
fn explains(rest: &[String]) -> bool {
    let flags = rest.split(|arg| arg == "--").next().unwrap_or_default();
    let mut found = flags.iter().enumerate().filter(|(_, arg)| arg.trim() == "--explain").map(|(at, _)| at).peekable();
    if found.peek().is_none() {
        return false;
    }
    let path = path(rest);
    let decides = path.get(1).is_some_and(|command| DECIDING.contains(&command.get_name()));
    let takes = |flag: &str| {
        let long = flag.strip_prefix("--");
        let mut args = path.iter().flat_map(clap::Command::get_arguments);
        decides && args.any(|arg| arg.get_long() == long && long.is_some() && arg.get_action().takes_values())
    };
    found.any(|at| at == 0 || !takes(&flags[at - 1]))
}

/// Commands whose exit code lets a call proceed, or a token or a trace count.
const DECIDING: [&str; 5] = ["gate", "approve", "delegate", "policy", "trace"];

/// A command's error behind its label, with the members its answers always have.
fn failure(rest: &[String], error: &Error) -> Answer {
    let label = label(rest);
    let answer = Answer::failure(&label, error);
    match label.as_str() {
        "diff" => diff::failed(answer),
        "verify chain" => chain::failed(answer),
        label => match label.strip_prefix("run session ") {
            Some(operation) => session::failed(answer, operation),
            None => answer,
        },
    }
}

impl Command {
    fn run(self, json: bool, correlation_id: &str) -> Result<Answer> {
        let clock = Clock::system();
        match self {
            Self::Demo(cmd) => cmd.run(),
            Self::Init(cmd) => cmd.run(),
            Self::Run(cmd) => cmd.run(clock, json),
            Self::Migrate(cmd) => cmd.run(clock),
            Self::Verify(cmd) => cmd.run(),
            Self::Regress(cmd) => cmd.run(clock, json),
            Self::Mcp(cmd) => cmd.run(clock),
            Self::Gate(cmd) => cmd.run(clock, correlation_id),
            Self::Approve(cmd) => cmd.run(clock),
            Self::Delegate(cmd) => cmd.run(clock),
            Self::Policy(cmd) => cmd.run(clock, json),
            Self::Keys(cmd) => cmd.run(clock),
            Self::Trace(cmd) => cmd.run(),
            Self::Doctor(cmd) => cmd.run(clock),
            #[cfg(feature = "action")]
            Self::Action(cmd) => Ok(cmd.run(&|args| answer(args, correlation_id))),
            Self::Completions(cmd) => cmd.run(Root::command()),
            Self::Version => version::answer(),
        }
    }
}

/// Help goes out as it is; a usage error says what is wrong behind the command's label.
fn usage_answer(usage: &clap::Error, rest: &[String]) -> Answer {
    let text = usage.render().ansi().to_string();
    match usage.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Answer::text_only(text, Exit::Ok),
        kind => {
            let plain = usage.render().to_string();
            let headline = plain.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
            let what = match kind {
                ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "no command was given".to_owned(),
                _ => headline,
            };
            let failure = failure(rest, &Error::invalid(what));
            if kind == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
                return failure.text(text);
            }
            let body = plain.trim_start_matches("error: ");
            failure.text(format!("{} error: {body}", label(rest)))
        }
    }
}

/// The commands named by `args`, from the root down.
fn path(args: &[String]) -> Vec<clap::Command> {
    let mut path = vec![Root::command()];
    for word in args.iter().filter(|arg| !arg.starts_with('-')) {
        let next = path.last().and_then(|command| command.find_subcommand(word.trim()).cloned());
        match next {
            Some(command) => path.push(command),
            None => break,
        }
    }
    path
}

fn label(args: &[String]) -> String {
    let path = path(args);
    let words: Vec<&str> = path.iter().skip(1).map(clap::Command::get_name).collect();
    let words = words.join(" ");
    let own = LABELS.iter().find(|(command, _)| *command == words).map(|(_, label)| (*label).to_owned());
    own.unwrap_or(if words.is_empty() { "gait".to_owned() } else { words })
}

/// One line of prose about the command that `args` name.
fn explanation(args: &[String]) -> String {
    let path = path(args);
    let about = path.iter().rev().find_map(|command| command.get_about());
    about.map_or_else(String::new, ToString::to_string).replace('\n', " ")
}
