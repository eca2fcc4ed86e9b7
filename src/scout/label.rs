//! The name of a command in the event logs: known words and short mistyped ones, never a path or an id.

/// Every command and its subcommands.
pub const COMMANDS: &[(&str, &[&str])] = &[
    ("action", &[]),
    ("approve", &[]),
    ("completions", &[]),
    ("delegate", &["mint", "verify"]),
    ("demo", &[]),
    ("doctor", &["adoption"]),
    ("gate", &["eval"]),
    ("guard", &["decrypt", "encrypt", "pack", "retain", "verify"]),
    ("help", &[]),
    ("incident", &["pack"]),
    ("init", &[]),
    ("keys", &["init", "rotate", "trust", "verify"]),
    ("mcp", &["bridge", "proxy", "record", "replay", "serve", "setup", "verify"]),
    ("migrate", &[]),
    ("policy", &["backtest", "fmt", "init", "simulate", "test", "validate"]),
    ("registry", &["install", "list", "verify"]),
    ("regress", &["accept", "bootstrap", "candidates", "init", "log", "merge", "review", "run"]),
    ("run", &["capture", "diff", "inspect", "record", "receipt", "reduce", "replay", "seal", "session"]),
    ("scout", &["coverage", "diff", "signal", "snapshot"]),
    ("trace", &["verify"]),
    ("ui", &[]),
    ("verify", &[]),
    ("version", &[]),
];

/// Stands for everything that is not a known command.
const UNKNOWN: &str = "unknown";
/// Commands whose first argument is theirs to interpret.
const ALONE: &[&str] = &["action", "approve", "completions", "demo", "help", "init", "migrate", "verify", "version"];

/// The name of the command that `args` (without the program's own name) ask for.
///
/// `<command> <subcommand>` or `<command>`; `version` and `explain` also for their flags; a short lower-case
/// word is kept where no command has that name, anything else is `unknown`, an unknown subcommand included. A leading `--json` is passed over.
pub fn of(args: &[String]) -> String {
    let mut words = args.iter().map(|word| word.trim());
    let first = match words.next() {
        None => return "version".to_owned(),
        Some("--json") => words.find(|word| *word != "--json").unwrap_or_default(),
        Some(word) => word,
    };
    match first {
        "--version" | "-v" | "-V" => return "version".to_owned(),
        "--explain" => return "explain".to_owned(),
        "--help" | "-h" => return first.to_owned(),
        _ => {}
    }
    let Some((command, subcommands)) = COMMANDS.iter().find(|(name, _)| *name == first) else {
        return if is_word(first) { first.to_owned() } else { UNKNOWN.to_owned() };
    };
    match words.next() {
        Some(word) if !ALONE.contains(command) && !word.is_empty() && !word.starts_with('-') => {
            let known = subcommands.iter().find(|name| **name == word);
            known.map_or_else(|| UNKNOWN.to_owned(), |name| format!("{command} {name}"))
        }
        _ => (*command).to_owned(),
    }
}

/// A mistyped command is worth knowing; a path, an id or anything longer is the user's own.
fn is_word(text: &str) -> bool {
    (1..=12).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase())
}

/// The steps of adoption a successful `label` takes.
pub fn milestones(label: &str) -> &'static [&'static str] {
    match label {
        "demo" => &["A1"],
        "verify" => &["A2"],
        "regress init" => &["A3"],
        "regress run" => &["A4"],
        "regress bootstrap" => &["A3", "A4"],
        _ => &[],
    }
}
