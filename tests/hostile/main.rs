//! Packs that lie, and foreign ones that do not: every folder of `tests/data` gets the verdict it has to get, fast
//! and in little memory.
//!
//! The folders are made by this program: `GAIT_WRITE_DATA=1 cargo test --test hostile tracked`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has to stop")]

mod archives;
mod bombs;
mod contents;
mod foreign;
mod headers;
mod json;
mod kind;
mod pack;
mod signatures;
mod zip;

use kind::{Kind, Verdict, complaints, data};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// Set in a child process: the kind it has to look at.
const CHILD: &str = "GAIT_HOSTILE_CHILD";
/// Set by hand: write the folders anew instead of comparing them.
const WRITE: &str = "GAIT_WRITE_DATA";

fn kinds() -> Vec<Kind> {
    let mut kinds = contents::kinds();
    kinds.extend(json::kinds());
    kinds.extend(signatures::kinds());
    kinds.extend(archives::kinds());
    kinds.extend(headers::kinds());
    kinds.extend(bombs::kinds());
    kinds.extend(foreign::kinds());
    kinds
}

/// The files of one kind's folder.
fn files(kind: &Kind) -> Vec<(&'static str, Vec<u8>)> {
    let mut expect = serde_json::to_string_pretty(&kind.expect).unwrap();
    expect.push('\n');
    let mut files = vec![
        ("pack.zip", kind.bytes.clone()),
        ("why.txt", format!("{}\n", kind.why).into_bytes()),
        ("expect.json", expect.into_bytes()),
    ];
    files.extend(kind.key.iter().map(|key| ("key.pub", format!("{key}\n").into_bytes())));
    files
}

/// The folders of packs; texts stand beside them.
fn folders() -> BTreeSet<String> {
    let listing = std::fs::read_dir(data()).unwrap();
    let names = listing.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    names.filter(|name| name != "untrusted-text").collect()
}

#[test]
fn the_tracked_folders_are_what_the_generator_makes() {
    let kinds = kinds();
    let names: BTreeSet<String> = kinds.iter().map(|kind| kind.name.clone()).collect();
    assert_eq!(names.len(), kinds.len(), "two kinds have one name");
    let writing = std::env::var_os(WRITE).is_some();
    for kind in &kinds {
        let dir = data().join(&kind.name);
        if writing {
            std::fs::create_dir_all(&dir).unwrap();
        }
        for (name, bytes) in files(kind) {
            if writing {
                std::fs::write(dir.join(name), &bytes).unwrap();
            }
            let same = std::fs::read(dir.join(name)).is_ok_and(|found| found == bytes);
            assert!(same, "{}/{name} is not what the generator makes: run it with {WRITE}=1", kind.name);
        }
    }
    assert_eq!(folders(), names, "folders without a kind, or kinds without a folder");
}

#[test]
fn there_are_many_kinds_and_most_do_not_verify() {
    let kinds = kinds();
    let hostile = kinds.iter().filter(|kind| kind.expect.strict != Verdict::Ok).count();
    assert!(hostile >= 60 && kinds.len() > hostile, "{hostile} of {}", kinds.len());
}

/// Not a test of its own: what the next one starts, under limits.
#[test]
fn child() {
    let Some(name) = std::env::var_os(CHILD) else { return };
    let complaints = complaints(&data().join(name));
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn every_kind_gets_its_verdict_in_bounded_time_and_memory() {
    let names: Vec<String> = folders().into_iter().collect();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = names.len().div_ceil(threads);
    let failed: Vec<String> = std::thread::scope(|scope| {
        let look = |names: &[String]| names.iter().filter_map(|name| failure(name)).collect::<Vec<_>>();
        let threads: Vec<_> = names.chunks(share).map(|names| scope.spawn(move || look(names))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// What is wrong with the verdict on one kind, found by a process of its own that the system ends when it takes too
/// much. The time is for a program that is not optimised and looks five times: in a release build no kind takes more
/// than a fifth of a second a time. The memory is address space, threads' stacks included.
#[cfg(unix)]
fn failure(name: &str) -> Option<String> {
    let run = Command::new("sh")
        .args(["-c", r#"ulimit -t 20; ulimit -v 256000; exec "$0" --exact child --test-threads 1"#])
        .arg(std::env::current_exe().unwrap())
        .env(CHILD, name)
        .env("MALLOC_ARENA_MAX", "1")
        .output()
        .unwrap();
    let said = || format!("{name}: {}\n{}", run.status, String::from_utf8_lossy(&run.stdout));
    (!run.status.success()).then(said)
}

#[cfg(not(unix))]
fn failure(name: &str) -> Option<String> {
    let complaints = complaints(&data().join(name));
    (!complaints.is_empty()).then(|| complaints.join("\n"))
}

#[test]
fn what_is_no_file_is_refused_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let invalid = |path: &Path| {
        let error = gait::kernel::archive::source::Source::open(path).unwrap_err();
        assert_eq!(error.kind(), gait::kernel::error::Kind::InvalidInput, "{error}");
    };
    invalid(dir.path());
    invalid(&dir.path().join("missing.zip"));
    #[cfg(unix)]
    {
        let pipe = dir.path().join("pipe.zip");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        invalid(&pipe);
        invalid(Path::new("/dev/zero"));
        let loops = dir.path().join("loop.zip");
        std::os::unix::fs::symlink(&loops, &loops).unwrap();
        let error = gait::kernel::archive::source::Source::open(&loops).unwrap_err();
        assert_ne!(error.kind(), gait::kernel::error::Kind::Internal, "{error}");
    }
}
