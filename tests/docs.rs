//! The README and the pages under `docs/` say what is true: every `console` block runs.
//!
//! A block is a session: `$ ` starts a command, `> ` goes on with it, `? N` is its exit code (0 if absent), the rest is
//! what it prints, where `[..]` and `...` stand for any text and any lines. The blocks of a page run in one folder.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use gait::regress::graders::GRADERS;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

struct Step {
    line: usize,
    command: String,
    exit: i32,
    output: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn pages() -> Vec<PathBuf> {
    let listing = std::fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut pages: Vec<PathBuf> = listing.filter(|path| path.extension().is_some_and(|e| e == "md")).collect();
    pages.push(root().join("README.md"));
    pages.sort();
    pages
}

fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    for (number, line) in (1..).zip(text.lines()) {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if !inside {
        } else if let Some(command) = line.strip_prefix("$ ") {
            steps.push(Step { line: number, command: command.to_owned(), exit: 0, output: String::new() });
        } else if let Some(step) = steps.last_mut() {
            match (line.strip_prefix("> "), line.strip_prefix("? ")) {
                (Some(more), _) => step.command += &format!("\n{more}"),
                (None, Some(code)) => step.exit = code.parse().unwrap(),
                (None, None) => step.output += &format!("{line}\n"),
            }
        }
    }
    steps
}

/// Runs the steps of a page in one shell, each step's output and exit code behind a mark of its own.
fn run(page: &Path, steps: &[Step]) -> Vec<(String, i32)> {
    const MARK: &str = "@@gait-docs@@";
    let folder = tempfile::tempdir().unwrap();
    let mut script = String::from("exec 2>&1\n");
    for step in steps {
        script += &format!("{}\n__code=$?; printf '%s %s\\n' '{MARK}' \"$__code\"; (exit $__code)\n", step.command);
    }
    let binary = Path::new(env!("CARGO_BIN_EXE_gait")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    let clean = std::env::vars().filter(|(key, _)| {
        key != "CI"
            && !["GAIT_", "GITHUB_", "RUNNER_", "ACTIONS_", "INPUT_"].iter().any(|prefix| key.starts_with(prefix))
    });
    let output = Command::new("sh")
        .arg("-c")
        .arg(script)
        .current_dir(folder.path())
        .env_clear()
        .envs(clean)
        .envs([("PATH", path.as_str()), ("HOME", folder.path().join(".home").to_str().unwrap())])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut found = Vec::new();
    let mut printed = String::new();
    for line in text.lines() {
        match line.split_once(MARK) {
            Some((before, code)) => {
                printed += before;
                found.push((std::mem::take(&mut printed), code.trim().parse().unwrap()));
            }
            None => printed += &format!("{line}\n"),
        }
    }
    assert_eq!(found.len(), steps.len(), "{}: the session broke off:\n{text}", page.display());
    found
}

#[test]
fn every_console_block_says_what_happens() {
    let mut wrong = Vec::new();
    let mut ran = 0;
    for page in pages() {
        let steps = steps(&std::fs::read_to_string(&page).unwrap());
        if steps.is_empty() {
            continue;
        }
        for (at, (printed, code)) in run(&page, &steps).into_iter().enumerate() {
            ran += 1;
            let step = &steps[at];
            let place = format!("{}:{}: $ {}", page.display(), step.line, step.command);
            // The exit code of a command in front of `echo $?` is told there.
            let told = steps.get(at + 1).is_some_and(|next| next.command == "echo $?");
            if code != step.exit && !(step.exit == 0 && told) {
                wrong.push(format!("{place}\nexit code {code}, the page says {}\n{printed}", step.exit));
            }
            let matched = snapbox::Assert::new().normalize_paths(false).try_eq(
                Some(&place),
                printed.into(),
                step.output.clone().into(),
            );
            if let Err(difference) = matched {
                wrong.push(difference.to_string());
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(ran > 20, "only {ran} commands were found");
}

#[test]
fn a_wrong_page_is_noticed() {
    let steps = steps("```console\n$ echo one\ntwo\n$ false\n? 1\n```\n```sh\n$ not run\n```\n");
    assert_eq!(steps.len(), 2);
    assert_eq!((steps[1].command.as_str(), steps[1].exit), ("false", 1));
    let found = run(Path::new("sample"), &steps);
    assert_eq!(found, [("one\n".to_owned(), 0), (String::new(), 1)]);
    let outcome = snapbox::Assert::new().try_eq(Some(&"sample"), "one\n".into(), "two\n".into());
    assert!(outcome.is_err());
}

#[test]
fn every_grader_has_a_file_and_a_heading() {
    let mut names: Vec<&str> = GRADERS.iter().map(|grader| grader.name).collect();
    assert!(names.is_sorted());
    // Those of one's own have one file and one heading together.
    names.push("command");
    names.sort_unstable();
    let files = std::fs::read_dir(root().join("src/regress/grade")).unwrap();
    let mut files: Vec<String> = files.map(|f| f.unwrap().file_name().into_string().unwrap()).collect();
    files.retain(|file| file != "mod.rs");
    files.sort();
    assert_eq!(files, names.iter().map(|name| format!("{name}.rs")).collect::<Vec<_>>());
    let page = std::fs::read_to_string(root().join("docs/regress.md")).unwrap();
    let headings: Vec<&str> = page.lines().filter_map(|l| l.strip_prefix("### `")?.strip_suffix('`')).collect();
    let mut sorted = headings.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, names);
}
