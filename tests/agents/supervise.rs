//! What a supervised program gets, and that nothing of it is left.

use crate::agent::argv;
use crate::kit::{Place, Tests};
use gait::regress::job::Report;
use gait::regress::supervise::{self, Program};
use std::time::Duration;

pub const TESTS: Tests = &[
    ("a_program_ends_by_itself", a_program_ends_by_itself),
    ("one_that_cannot_start_is_told", one_that_cannot_start_is_told),
    ("time_is_limited_and_nothing_is_left", time_is_limited_and_nothing_is_left),
    ("an_orphan_ends_with_its_program", an_orphan_ends_with_its_program),
    ("it_can_be_stopped", it_can_be_stopped),
    ("secrets_of_the_job_are_withheld", secrets_of_the_job_are_withheld),
    ("the_last_lines_are_found", the_last_lines_are_found),
];

fn program(place: &Place, script: &[&str]) -> Program {
    Program {
        argv: argv(script),
        cwd: place.path().to_owned(),
        env: Vec::new(),
        stdin: None,
        stdout: place.file("out"),
        stderr: place.file("err"),
        timeout: Duration::from_secs(60),
    }
}

fn run(program: &Program) -> Report {
    supervise::start(program).unwrap().wait().unwrap()
}

fn a_program_ends_by_itself() {
    let place = Place::new();
    std::fs::write(place.file("in"), "given").unwrap();
    let mut asked = program(&place, &["say hello", "complain oh", "repeat", "exit 3"]);
    asked.stdin = Some(place.file("in"));
    assert_eq!(run(&asked), Report::Code(3));
    assert_eq!((place.text("out"), place.text("err")), ("hello\ngiven\n".to_owned(), "oh\n".to_owned()));
    assert_eq!(run(&program(&place, &["repeat"])), Report::Code(0), "no input is an empty one");
}

fn one_that_cannot_start_is_told() {
    let place = Place::new();
    let mut asked = program(&place, &[]);
    asked.argv = vec!["./nowhere".to_owned()];
    let Report::NotStarted(why) = run(&asked) else { panic!() };
    assert!(why.starts_with("cannot start ./nowhere: No such file"), "{why}");
    asked.cwd = place.file("missing");
    assert!(supervise::start(&asked).unwrap_err().to_string().contains("missing does not exist"));
}

fn time_is_limited_and_nothing_is_left() {
    let place = Place::new();
    let orphan = format!("orphan {}", place.file("orphan"));
    let own = format!("pid {}", place.file("own"));
    let mut asked = program(&place, &[&orphan, &own, "hang"]);
    asked.timeout = Duration::from_millis(700);
    assert_eq!(run(&asked), Report::TimedOut);
    assert!(!place.alive("own") && !place.alive("orphan"));
}

fn an_orphan_ends_with_its_program() {
    let place = Place::new();
    let orphan = format!("orphan {}", place.file("orphan"));
    assert_eq!(run(&program(&place, &[&orphan, "exit 0"])), Report::Code(0));
    assert!(!place.alive("orphan"));
}

fn it_can_be_stopped() {
    let place = Place::new();
    let own = format!("pid {}", place.file("own"));
    let running = supervise::start(&program(&place, &[&own, "hang"])).unwrap();
    while !place.file("own").exists() || place.text("own").is_empty() {
        std::thread::yield_now();
    }
    running.stop().now();
    assert_eq!(running.wait().unwrap(), Report::Stopped);
    assert!(!place.alive("own"));
}

fn secrets_of_the_job_are_withheld() {
    let place = Place::new();
    let own = std::env::current_exe().unwrap();
    let asked = program(&place, &["env"]);
    // In a process of its own: the environment of this one is everybody's.
    let job = serde_json::json!({ "argv": asked.argv, "out": asked.stdout, "err": asked.stderr, "cwd": asked.cwd });
    let secret = [
        "INPUT_KEY",
        "ACTIONS_RUNTIME_TOKEN",
        "GITHUB_TOKEN",
        "GITHUB_OUTPUT",
        "GITHUB_ENV",
        "GITHUB_PATH",
        "GITHUB_STATE",
        "GITHUB_STEP_SUMMARY",
        "GAIT_PRIVATE_KEY",
    ];
    let mut command = std::process::Command::new(own);
    command.args(["__start", &job.to_string()]).envs(secret.map(|name| (name, "x")));
    command.envs([("GITHUB_SHA", "x"), ("OPENAI_API_KEY", "x")]);
    assert!(command.status().unwrap().success());
    let seen = place.text("out");
    let seen: Vec<&str> = seen.lines().collect();
    assert!(["PATH", "GITHUB_SHA", "OPENAI_API_KEY", "ADDED"].iter().all(|name| seen.contains(name)), "{seen:?}");
    assert!(!secret.iter().any(|name| seen.contains(name)), "{seen:?}");
}

/// Starts what `job` says, in the environment of this process.
pub fn start(job: &str) {
    let job: serde_json::Value = serde_json::from_str(job).unwrap();
    let text = |key: &str| job[key].as_str().unwrap().into();
    let asked = Program {
        argv: serde_json::from_value(job["argv"].clone()).unwrap(),
        cwd: text("cwd"),
        env: vec![("ADDED".to_owned(), "1".to_owned())],
        stdin: None,
        stdout: text("out"),
        stderr: text("err"),
        timeout: Duration::from_secs(60),
    };
    assert_eq!(run(&asked), Report::Code(0));
}

fn the_last_lines_are_found() {
    let place = Place::new();
    let text: String = (0..9000).map(|n| format!("line {n}\r\n\n")).collect();
    std::fs::write(place.file("err"), text + "the end").unwrap();
    assert_eq!(supervise::tail(&place.file("err"), 2), "line 8999\nthe end");
    assert_eq!(supervise::tail(&place.file("none"), 2), "");
}
