//! A tiny agent: its arguments are a script, one word or one call after the other.

use std::io::{Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode, Stdio};

/// The first argument that makes this program an agent.
pub const AGENT: &str = "__agent";

/// This program as an agent that follows `script`.
pub fn argv(script: &[&str]) -> Vec<String> {
    let own = std::env::current_exe().unwrap().to_str().unwrap().to_owned();
    [own, AGENT.to_owned()].into_iter().chain(script.iter().map(|step| (*step).to_owned())).collect()
}

pub fn play(args: &[String]) -> Option<ExitCode> {
    let (first, script) = args.split_first()?;
    if first != AGENT {
        return None;
    }
    for step in script {
        let (word, rest) = step.split_once(' ').unwrap_or((step, ""));
        match word {
            "say" => writeln!(std::io::stdout(), "{rest}").unwrap(),
            "complain" => writeln!(std::io::stderr(), "{rest}").unwrap(),
            "repeat" => {
                let mut text = String::new();
                std::io::stdin().read_to_string(&mut text).unwrap();
                writeln!(std::io::stdout(), "{text}").unwrap();
            }
            "env" => {
                let names: Vec<String> = std::env::vars().map(|(name, _)| name).collect();
                writeln!(std::io::stdout(), "{}", names.join("\n")).unwrap();
            }
            "exit" => return Some(ExitCode::from(rest.parse::<u8>().unwrap())),
            "deaf" => drop(signal_hook::iterator::Signals::new([15]).unwrap()),
            "pid" => std::fs::write(rest, std::process::id().to_string()).unwrap(),
            "hang" => loop {
                std::thread::park();
            },
            // A child of a child in a group of its own, whose parent is gone.
            "orphan" => {
                let argv = argv(&["leave", rest]);
                Command::new(&argv[0]).args(&argv[1..3]).arg(rest).status().unwrap();
            }
            "leave" => {
                let file = &script[1];
                let argv = argv(&["deaf", &format!("pid {file}"), "hang"]);
                let mut command = Command::new(&argv[0]);
                command.args(&argv[1..]).process_group(0).stdin(Stdio::null());
                command.spawn().unwrap();
                while std::fs::read_to_string(file).unwrap_or_default().is_empty() {
                    std::thread::yield_now();
                }
                return Some(ExitCode::SUCCESS);
            }
            other => panic!("no such step: {other}"),
        }
    }
    Some(ExitCode::SUCCESS)
}
