//! The event logs around a command: shapes, names, failures that harm nothing.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use gait::kernel::clock::{Clock, Stopwatch, Timestamp};
use gait::scout::label;
use gait::scout::telemetry::{Settings, Telemetry};
use gait::scout::{adoption, log, operational};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::time::Duration;

const ID: &str = "0123456789abcdef01234567";

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

/// Settings with every stream on, below `dir`.
fn all(dir: &Path) -> Settings {
    let path = |name: &str| Some(dir.join(name).to_str().unwrap().to_owned());
    Settings {
        adoption_log: path("deep/a.jsonl"),
        operational_log: path("deep/o.jsonl"),
        health: path("deeper/health.json"),
        ..Settings::default()
    }
}

/// Runs the events of one command.
fn run(settings: &Settings, line: &str, exit: u8, category: &str) -> Vec<String> {
    let clock = Clock::fixed(Timestamp::date(2026, 3, 1));
    let mut telemetry = Telemetry::new(settings.clone(), &words(line), ID, clock);
    let mut warnings = telemetry.start();
    warnings.extend(telemetry.end(exit, category, false));
    warnings
}

fn text(path: &Option<String>) -> String {
    fs::read_to_string(path.as_ref().unwrap()).unwrap()
}

fn here() -> String {
    serde_json::to_string(&log::Environment::here()).unwrap()
}

#[test]
fn variables_are_trimmed_and_blank_ones_are_off() {
    let settings = Settings::read(|name| match name {
        "GAIT_ADOPTION_LOG" => Some("  a.jsonl ".into()),
        "GAIT_ADOPTION_WORKFLOW" => Some(" nightly é \"x\" ".into()),
        "GAIT_OPERATIONAL_LOG" => Some("  ".into()),
        "GAIT_TELEMETRY_WARN" => Some(" OFF ".into()),
        _ => None,
    });
    let adoption_log = Some("a.jsonl".to_owned());
    let workflow = Some("nightly é \"x\"".to_owned());
    assert_eq!(settings, Settings { adoption_log, workflow, quiet: true, ..Settings::default() });
}

#[test]
fn nothing_is_written_when_no_log_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { adoption_log: None, operational_log: None, ..all(dir.path()) };
    assert!(run(&settings, "demo", 0, "none").is_empty());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_command_leaves_one_adoption_and_two_operational_lines() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { workflow: Some("flow-9".into()), ..all(dir.path()) };
    assert_eq!(run(&settings, "demo", 0, "none"), Vec::<String>::new());
    let (version, env) = (env!("CARGO_PKG_VERSION"), here());
    let line = text(&settings.adoption_log);
    let elapsed = serde_json::from_str::<Value>(&line).unwrap()["elapsed_ms"].as_u64().unwrap();
    let want = format!(
        r#"{{"schema_id":"gait.scout.adoption_event","schema_version":"1.0.0","created_at":"2026-03-01T00:00:00Z","producer_version":"{version}","command":"demo","workflow_id":"flow-9","success":true,"exit_code":0,"elapsed_ms":{elapsed},"milestones":["A1"],"environment":{env}}}"#
    );
    assert_eq!(line, want + "\n");
    let lines = text(&settings.operational_log);
    let (start, end) = lines.split_once('\n').unwrap();
    let want = format!(
        r#"{{"schema_id":"gait.scout.operational_event","schema_version":"1.0.0","created_at":"2026-03-01T00:00:00Z","producer_version":"{version}","correlation_id":"{ID}","command":"demo","phase":"start","exit_code":0,"error_category":"none","retryable":false,"elapsed_ms":0,"environment":{env}}}"#
    );
    assert_eq!(start, want);
    assert!(end.contains(r#""phase":"end","exit_code":0,"error_category":"none","retryable":false,"elapsed_ms":"#));
}

#[test]
fn a_failure_keeps_its_category_and_earns_no_milestone() {
    let dir = tempfile::tempdir().unwrap();
    let settings = all(dir.path());
    for (line, exit, category, shown) in [
        ("verify run_x", 6, "invalid_input", "invalid_input"),
        ("regress run", 5, "regress_failed", "none"),
        ("run replay x --real-tools", 8, "unsafe_operation", "none"),
        ("verify run_x", 1, "state_contention", "state_contention"),
    ] {
        assert!(run(&settings, line, exit, category).is_empty());
        let last = operational::read(Path::new(settings.operational_log.as_ref().unwrap())).unwrap();
        let event = last.events.last().unwrap();
        assert_eq!((event.exit_code, event.error_category.as_str(), event.retryable), (exit, shown, false));
    }
    assert!(!text(&settings.adoption_log).contains("milestones"));
    let mut telemetry = Telemetry::new(settings.clone(), &words("demo"), ID, Clock::system());
    assert!(telemetry.start().is_empty());
    assert!(telemetry.end(1, "network_transient", true).is_empty());
    assert!(text(&settings.operational_log).contains(r#""error_category":"network_transient","retryable":true"#));
}

#[test]
fn labels_hold_known_words_only() {
    for (line, want) in [
        ("", "version"),
        ("-v", "version"),
        ("--version", "version"),
        ("--explain", "explain"),
        ("--help", "--help"),
        ("demo extra", "demo"),
        ("verify run_secret", "verify"),
        ("verify chain", "verify"),
        ("run session start", "run session"),
        ("run --json", "run"),
        ("run some/secret/path", "unknown"),
        ("policy secret", "unknown"),
        ("policy test", "policy test"),
        ("regress bootstrap", "regress bootstrap"),
        ("doctor", "doctor"),
        ("doctor --json adoption", "doctor"),
        ("ui", "ui"),
        ("/home/secret", "unknown"),
        ("--json regress run", "regress run"),
        ("--json", "unknown"),
    ] {
        assert_eq!(label::of(&words(line)), want, "{line}");
    }
    assert_eq!(label::of(&["  ".to_owned()]), "unknown");
    assert_eq!(label::of(&[" run ".to_owned(), " record ".to_owned()]), "run record");
    assert_eq!(label::milestones("regress bootstrap"), ["A3", "A4"]);
    assert!(label::COMMANDS.is_sorted());
}

#[test]
fn health_counts_this_process_and_all() {
    let dir = tempfile::tempdir().unwrap();
    let settings = all(dir.path());
    run(&settings, "version", 0, "none");
    run(&settings, "version", 0, "none");
    let health: Value = serde_json::from_str(&text(&settings.health)).unwrap();
    assert_eq!(health["schema_id"], "gait.scout.telemetry_health");
    for stream in ["adoption", "operational_start", "operational_end"] {
        assert_eq!(health["streams"][stream], json!({"attempts": 1, "success": 1, "failed": 0}), "{stream}");
        assert_eq!(health["totals"][stream], json!({"attempts": 2, "success": 2, "failed": 0}), "{stream}");
    }
    assert!(text(&settings.health).starts_with("{\n  \"schema_id\"") && text(&settings.health).ends_with("}\n"));
}

#[test]
fn a_log_that_cannot_be_written_only_warns() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("plain"), "").unwrap();
    let blocked = dir.path().join("plain/a.jsonl").to_str().unwrap().to_owned();
    let settings =
        Settings { adoption_log: Some(blocked), operational_log: Some("../escape.jsonl".into()), ..all(dir.path()) };
    let warnings = run(&settings, "demo", 0, "none");
    for (warning, stream) in warnings.iter().zip(["operational_start", "adoption", "operational_end"]) {
        let head = format!("gait warning: telemetry stream={stream} write failed: ");
        assert!(warning.starts_with(&head) && !warning.contains('\n'), "{warning}");
    }
    assert_eq!(warnings.len(), 3);
    let health: Value = serde_json::from_str(&text(&settings.health)).unwrap();
    assert_eq!(health["streams"]["adoption"], json!({"attempts": 1, "success": 0, "failed": 1}));
    assert!(run(&Settings { quiet: true, ..settings.clone() }, "demo", 0, "none").is_empty());
    let warnings = run(&Settings { health: Some("../h.json".into()), ..settings }, "demo", 0, "none");
    assert!(warnings.iter().any(|line| line.contains("stream=telemetry_health ")), "{warnings:?}");
}

#[test]
fn a_held_log_costs_a_tenth_of_a_second_at_most() {
    let dir = tempfile::tempdir().unwrap();
    let settings = all(dir.path());
    run(&settings, "demo", 0, "none");
    let hold = |path: &Option<String>| {
        let file = fs::OpenOptions::new().append(true).open(path.as_ref().unwrap()).unwrap();
        file.lock().unwrap();
        file
    };
    let held = (hold(&settings.adoption_log), hold(&settings.operational_log));
    let watch = Stopwatch::start();
    assert_eq!(run(&settings, "demo", 0, "none").len(), 3);
    assert!(watch.elapsed() < Duration::from_millis(400), "{:?}", watch.elapsed());
    drop(held);
    assert!(run(&settings, "demo", 0, "none").is_empty());
}

#[test]
fn a_lock_file_left_behind_stalls_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let settings = all(dir.path());
    fs::create_dir_all(dir.path().join("deep")).unwrap();
    fs::write(dir.path().join("deep/a.jsonl.lock"), "").unwrap();
    assert!(run(&settings, "demo", 0, "none").is_empty());
    assert!(!dir.path().join("deep/o.jsonl.lock").exists());
}

#[test]
fn writers_side_by_side_lose_no_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.jsonl").to_str().unwrap().to_owned();
    let append = |n: usize| log::append(&path, &json!({"n": n, "text": "x".repeat(5_000)}), Duration::from_secs(20));
    std::thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || (0..25).for_each(|n| append(thread * 25 + n).unwrap()));
        }
    });
    let read: log::Log<Value> = log::read(Path::new(&path), Ok).unwrap();
    assert_eq!((read.events.len(), read.bad.len()), (100, 0));
}

#[test]
fn a_large_log_is_put_aside() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.jsonl");
    let line = vec![b' '; usize::try_from(log::ROTATE_AT).unwrap()];
    fs::write(&path, &line).unwrap();
    for _ in 0..2 {
        log::append(path.to_str().unwrap(), &json!({}), Duration::from_secs(5)).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), "{}\n{}\n");
    assert_eq!(fs::metadata(dir.path().join("a.jsonl.1")).unwrap().len(), log::ROTATE_AT);
}

#[test]
fn bad_lines_are_counted_and_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let settings = all(dir.path());
    run(&settings, "demo", 0, "none");
    let good = text(&settings.adoption_log);
    let short = r#"{"created_at":"2026-03-01T01:00:00+01:00","command":" x ","elapsed_ms":-5,"milestones":["A2"," A1","A2"],"environment":{"os":"linux","arch":"amd64"}}"#;
    let path = dir.path().join("mixed.jsonl");
    let long = "x".repeat(2 << 20);
    let foreign = good.trim().replace("adoption_event", "other_event");
    let many = good.trim().replace(r#""exit_code":0"#, r#""exit_code":256"#);
    fs::write(&path, format!("{good}\n{{\n{long}\n{short}\n{foreign}\n{many}\n{good}")).unwrap();
    let read = adoption::read(&path).unwrap();
    assert_eq!(read.events.len(), 3);
    assert_eq!(read.bad.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [3, 4, 6, 7]);
    let event = &read.events[1];
    assert_eq!((event.command.as_str(), event.elapsed_ms, event.producer_version.as_str()), ("x", 0, "0.0.0-dev"));
    assert_eq!(event.milestones, ["A1", "A2"]);
    assert_eq!(event.created_at.to_string(), "2026-03-01T00:00:00Z");
    assert!(adoption::read(&dir.path().join("absent")).is_err());
}

#[cfg(unix)]
#[test]
fn files_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let settings = all(dir.path());
    run(&settings, "demo", 0, "none");
    for path in [&settings.adoption_log, &settings.operational_log, &settings.health] {
        let mode = fs::metadata(path.as_ref().unwrap()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{path:?}");
    }
}
