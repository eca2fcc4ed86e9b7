//! What holds for every command: help, exit codes, `--json`, `--explain`, completions.

use crate::kit::Gait;
use gait::cli::exit;
use gait::scout::label;
use serde_json::json;

/// Commands below `above` as their help page lists them, `help` aside.
fn listed(page: &str) -> Vec<String> {
    let lines = page.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").map(str::to_owned).collect()
}

/// Every command, from the root down, with its help page.
fn pages(gait: &Gait) -> Vec<(String, String)> {
    let mut waiting = vec![String::new()];
    let mut pages = Vec::new();
    while let Some(command) = waiting.pop() {
        let out = gait.run(&format!("{command} --help")).code(0);
        assert_eq!(out.stderr, "", "{command}");
        let below = listed(&out.stdout);
        waiting.extend(below.iter().rev().map(|name| format!("{command} {name}").trim().to_owned()));
        pages.push((command, out.stdout));
    }
    pages
}

#[test]
fn every_help_page() {
    let gait = Gait::new();
    let pages = pages(&gait);
    assert!(pages.len() > 20, "{}", pages.len());
    let all: String = pages.iter().map(|(name, page)| format!("$ gait {name} --help\n{page}\n")).collect();
    insta::assert_snapshot!(all);
    for (name, _) in &pages {
        gait.run(&format!("{name} -h")).code(0).says(&["Usage: "]);
    }
}

#[test]
fn the_event_logs_know_every_command() {
    for (name, _) in pages(&Gait::new()) {
        let words: Vec<String> = name.split_whitespace().map(str::to_owned).collect();
        let Some(command) = words.first() else { continue };
        assert!(label::COMMANDS.iter().any(|(known, _)| known == command), "{command} is not in COMMANDS");
        let label = label::of(&words);
        assert!(format!("{name} ").starts_with(&format!("{label} ")), "{name} is logged as {label}");
    }
}

#[test]
fn the_table_of_exit_codes_is_the_programs() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/exit-codes.md")).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| ") && line.as_bytes()[2].is_ascii_digit());
    let cells = |row: &str| {
        let cells: Vec<String> = row.split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect();
        let plain = |cell: &str| if cell == "-" { String::new() } else { cell.to_owned() };
        (cells[1].clone(), plain(&cells[2]), plain(&cells[4]))
    };
    let told: Vec<_> = rows.map(cells).collect();
    let known: Vec<_> = exit::ALL
        .iter()
        .map(|exit| (exit.code().to_string(), exit.error_code().to_owned(), exit.hint().to_owned()))
        .collect();
    assert_eq!(told, known);
}

#[test]
fn json_is_honoured_wherever_it_stands() {
    let gait = Gait::new();
    let lines = [
        "--json nonsense",
        "nonsense --json",
        "--json",
        "regress --json",
        "--json regress run",
        "regress --json run",
        "regress run --json",
        "regress run --nonsense --json",
        "regress run --test-threads none --json",
        "regress run --config --json",
        "verify nowhere --json",
        "run record --json",
        "keys verify --json",
        "run diff one --json",
    ];
    for line in lines {
        let out = gait.run(line).code(6);
        let answer = out.json();
        assert_eq!((&answer["ok"], &answer["error_code"]), (&json!(false), &json!("invalid_input")), "{line}");
        for key in ["error", "error_category", "hint", "correlation_id"] {
            assert!(answer[key].as_str().is_some_and(|text| !text.is_empty()), "{line}: {key}");
        }
        assert!(!answer["error"].as_str().unwrap().contains(['\u{1b}', '\n']), "{line}: {answer}");
        assert_eq!(out.stderr, "", "{line}");
    }
    gait.run("regress run -- --json").code(6).says(&["regress run error: "]);
}

#[test]
fn usage_errors_are_told() {
    let gait = Gait::new();
    let lines = ["nonsense", "verfy x", "regress", "regress rum", "regress run --candidat x", "keys init --prefix"];
    let told: String = lines.iter().map(|line| gait.run(line).code(6).transcript()).collect();
    insta::assert_snapshot!(told);
}

#[test]
fn versions() {
    let gait = Gait::new();
    let version = env!("CARGO_PKG_VERSION");
    for line in ["", "version", "--version", "-V"] {
        assert_eq!(gait.run(line).code(0).stdout, format!("gait {version}\n"), "{line}");
    }
    for line in ["version --json", "--json version", "--version --json", "--json --version"] {
        let answer = gait.run(line).code(0).json();
        assert_eq!((&answer["ok"], &answer["version"]), (&json!(true), &json!(version)), "{line}");
    }
    gait.run("version nonsense").code(6);
}

#[test]
fn explaining_does_nothing() {
    let gait = Gait::new();
    gait.record("one", &[r#"{"tool":"x"}"#]);
    let before = gait.tree();
    for (name, _) in pages(&gait) {
        for line in [format!("{name} --explain"), format!("--explain {name}"), format!("{name} one --force --explain")]
        {
            let out = gait.run(&line).code(0);
            assert_eq!(out.stdout.trim().lines().count(), 1, "{line}: {}", out.stdout);
            assert_eq!(out.stderr, "", "{line}");
        }
    }
    assert_eq!(gait.tree(), before);
    let told = gait.run("regress init --explain").stdout;
    assert_eq!(gait.run("regress init --from --explain").code(0).stdout, told);
}

#[test]
fn completions() {
    let gait = Gait::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        gait.run(&format!("completions {shell}")).code(0).says(&["gait", "regress", "require-candidate"]);
    }
    gait.run("completions tcsh").code(6);
}

#[test]
fn a_correlation_id_can_be_given() {
    let gait = Gait::new();
    let id = gait.run("version --json").json()["correlation_id"].clone();
    assert_eq!(id.as_str().unwrap().len(), 24);
    let gait = gait.env("GAIT_CORRELATION_ID", "0123456789ABCDEF01234567");
    assert_eq!(gait.run("version --json").json()["correlation_id"], "0123456789abcdef01234567");
    let gait = gait.env("GAIT_CORRELATION_ID", "$(id)");
    assert_ne!(gait.run("version --json").json()["correlation_id"], "$(id)");
}

#[test]
fn a_gone_reader_of_any_stream_harms_nothing() {
    let gait = Gait::new();
    for args in [&["--help"][..], &["verify", "nowhere"], &["version", "--json"], &["completions", "bash"]] {
        let want = gait.args(args).code;
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = gait.command(args);
        command.stdout(writer.try_clone().unwrap()).stderr(writer);
        assert_eq!(command.status().unwrap().code(), Some(want), "{args:?}");
    }
}
