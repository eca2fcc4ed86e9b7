//! kill -9 at any moment: the journal holds every frame that was passed on, and says that it was cut off.

use crate::kit::{Place, Session, Tests, ask, call, calls, own, read};
use crate::server::ROLE;
use serde_json::json;
use std::io::{BufRead as _, Write as _};
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

pub const TESTS: Tests = &[
    ("a_killed_tee_can_be_sealed", a_killed_tee_can_be_sealed),
    ("a_capture_seals_what_was_left", a_capture_seals_what_was_left),
    ("at_any_moment", at_any_moment),
];

/// How many recordings are killed; `.ci/run` asks for more.
const KILLS: &str = "MCP_TEST_KILLS";
const SEED: &str = "MCP_TEST_SEED";

fn a_killed_tee_can_be_sealed() {
    for frames in [0, 1, 2, 3, 5, 8, 21] {
        let place = Place::new();
        let mut session = place.tee(&[], "old");
        session.talk(&ask(1000, "initialize"));
        for n in 0..frames {
            session.talk(&call(n, "echo", json!({"n": n, "text": "é\n"})));
        }
        // Half a question is no question.
        session.send("{\"jsonrpc\":\"2.0\",\"id\":77,\"method\":\"tools/call\",");
        session.child.kill().unwrap();
        session.child.wait().unwrap();
        assert_eq!(place.files("gait-out", ".zip"), [""; 0]);
        let journal = place.only("gait-out", ".journal.jsonl");
        // The last line may have been cut short, too.
        let mut bytes = std::fs::read(&journal).unwrap();
        bytes.extend_from_slice(b"{\"at\":\"2026-");
        std::fs::write(&journal, bytes).unwrap();
        assert_eq!(
            std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&journal).unwrap().permissions()) & 0o777,
            0o600
        );
        let folder = journal.parent().unwrap();
        let answer = place.json(&["run", "seal", folder.as_str(), "--json"], 0);
        assert_eq!((&answer["truncated"], &answer["calls"]), (&json!(true), &json!(frames)));
        let path = place.only("gait-out", ".zip");
        let report = place.verified(&path);
        assert_eq!((&report["ok"], &report["truncated"]), (&json!(true), &json!(true)));
        let (pack, _) = read(&path);
        assert_eq!(pack.results.len(), frames as usize, "every answer the client heard");
        assert!(calls(&pack).iter().all(|(.., status)| status == "ok"));
    }
}

fn a_capture_seals_what_was_left() {
    let place = Place::new();
    let tee = format!("{} mcp record -- {}", env!("CARGO_BIN_EXE_gait"), own());
    // An agent that asks once and kills the tee in front of its server.
    let script = format!(
        "mkfifo in; {tee} < in & exec 3> in; printf '%s\\n' '{}' >&3; while ! grep -q result gait-out/*/*.jsonl; do :; done; kill -9 $!; exit 6",
        call(1, "add", json!({"a": 1, "b": 2}))
    );
    let mut command = place.gait(&["run", "capture", "--run-id", "run_k", "--", "sh", "-c", &script]);
    let output = command.env(ROLE, "old").output().unwrap();
    assert_eq!(output.status.code(), Some(6));
    assert!(output.stdout.lines().all(|line| line.unwrap().contains("jsonrpc")));
    let report = place.verified(&place.path().join("gait-out/runpack_run_k.zip"));
    assert_eq!(report["truncated"], json!(true));
}

/// Numbers that look random and are the same for the same seed (SplitMix64).
struct Dice(u64);

impl Dice {
    /// Below `sides`.
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % sides
    }
}

/// How a recording that was killed went, as its client saw it.
struct Torn {
    /// Calls asked to their last byte.
    asked: usize,
    /// Answers heard to their last byte.
    heard: usize,
}

fn question(n: usize, dice: &mut Dice) -> String {
    let text = "é ".repeat(dice.roll(1_500) as usize);
    format!("{}\n", call(n as u64, "echo", json!({ "n": n, "text": text })))
}

/// Talks to the recorder for a while, and kills it in the middle of a question, of an answer or of its own end.
fn torn(session: &mut Session, dice: &mut Dice) -> Torn {
    session.talk(&ask(1_000, "initialize"));
    let (calls, mut torn) = (dice.roll(12) as usize, Torn { asked: 0, heard: 0 });
    let hear = |session: &mut Session, torn: &mut Torn, until: usize| {
        while torn.heard < until {
            session.hear();
            torn.heard += 1;
        }
    };
    for n in 0..calls {
        session.send(question(n, dice));
        torn.asked += 1;
        // Several are on their way at once, but not more than the pipes hold.
        let until = if torn.asked - torn.heard > 6 { torn.asked } else { torn.heard + dice.roll(2) as usize };
        hear(session, &mut torn, until);
    }
    match dice.roll(4) {
        0 => {
            let half = question(calls, dice);
            let cut = 1 + dice.roll(half.len() as u64 - 1) as usize;
            session.send(&half.as_bytes()[..cut]);
        }
        1 => hear(session, &mut torn, calls),
        2 if torn.heard < torn.asked => drop(session.take(1)),
        _ => {
            drop(session.input.take());
            hear(session, &mut torn, calls);
        }
    }
    let spins = 1 << dice.roll(22);
    for _ in 0..dice.roll(spins) {
        std::hint::spin_loop();
    }
    session.child.kill().unwrap();
    session.child.wait().unwrap();
    torn
}

/// Plays an agent below `run capture` that kills its only server's recorder, and tells what it saw.
pub fn agent() -> ExitCode {
    let mut dice = Dice(std::env::var(SEED).unwrap().parse().unwrap());
    let own = own();
    let mut tee = Command::new(env!("CARGO_BIN_EXE_gait"));
    let mut session = Session::start(tee.args(["mcp", "record", "--", own.as_str()]).env(ROLE, "old"));
    let torn = torn(&mut session, &mut dice);
    std::io::stdout().write_all(format!("{} {}\n", torn.asked, torn.heard).as_bytes()).unwrap();
    ExitCode::from(4)
}

/// Kills one recording; whether its pack says that it is truncated.
fn one(seed: u64) -> bool {
    let (place, mut dice) = (Place::new(), Dice(seed));
    let torn = if dice.roll(4) == 0 {
        let own = own();
        let mut capture = place.gait(&["run", "capture", "--run-id", "run_k", "--", own.as_str()]);
        let output = capture.env(ROLE, "killer").env(SEED, dice.0.to_string()).output().unwrap();
        let (told, errors) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert_eq!(output.status.code(), Some(4), "seed {seed}: {errors}");
        let (asked, heard) = told.trim().split_once(' ').unwrap();
        Torn { asked: asked.parse().unwrap(), heard: heard.parse().unwrap() }
    } else {
        torn(&mut place.tee(&[], "old"), &mut dice)
    };
    // A recorder that was nearly done may have sealed; else what it left is sealed.
    if place.files("gait-out", ".zip").is_empty() {
        let journal = place.only("gait-out", ".journal.jsonl");
        place.run(&["run", "seal", journal.parent().unwrap().as_str()], 0);
    }
    let path = place.only("gait-out", ".zip");
    let report = place.verified(&path);
    assert_eq!(report["ok"], true, "seed {seed}: {report}");
    let (pack, _) = read(&path);
    let (asked, answered) = (pack.intents.len(), pack.results.len());
    assert!(torn.heard <= answered && answered <= asked && asked <= torn.asked, "seed {seed}: {asked} {answered}");
    for (n, (tool, args, status)) in calls(&pack).iter().enumerate() {
        assert!(args.contains(&format!("\"n\":{n},")) && args.ends_with("\"}"), "seed {seed}: call {n}: {args}");
        assert_eq!((tool.as_str(), status.as_str()), ("echo", if n < answered { "ok" } else { "" }), "seed {seed}");
    }
    let truncated = report["truncated"] == true;
    assert!(truncated || answered == torn.asked, "seed {seed}: a pack that says it is complete lacks calls");
    truncated
}

fn at_any_moment() {
    let more: Option<u64> = std::env::var(KILLS).ok().map(|kills| kills.parse().unwrap());
    let kills = more.unwrap_or(40);
    let (next, truncated) = (AtomicU64::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().unwrap().get() {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= kills {
                        break;
                    }
                    truncated.fetch_add(usize::from(one(seed)), Ordering::Relaxed);
                }
            });
        }
    });
    let truncated = truncated.into_inner() as u64;
    assert!(truncated > 0 && truncated <= kills, "{truncated} of {kills} were truncated");
    if more.is_some() {
        let told = format!("{kills} kills: {truncated} packs truncated, {} complete\n", kills - truncated);
        std::io::stderr().write_all(told.as_bytes()).unwrap();
    }
}
