//! Makes the data the benchmarks run on: `bench-data input CALLS [SHIFT]` prints a record input of so many calls.
//!
//! `bench-data gate POLICY INTENT` decides the intent many times in process and prints the 99th percentile in microseconds.

use std::io::{BufWriter, Write};

const WORDS: [&str; 16] = [
    "invoice",
    "refund",
    "customer",
    "ledger",
    "amount",
    "pending",
    "settled",
    "transfer",
    "account",
    "balance",
    "review",
    "approved",
    "dispute",
    "charge",
    "currency",
    "statement",
];

/// A small generator with a fixed seed: the same data on every machine.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn text(&mut self, words: usize) -> String {
        let pick = |_| WORDS[(self.next() % 16) as usize];
        (0..words).map(pick).collect::<Vec<_>>().join(" ")
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if std::env::args().nth(1).as_deref() == Some("gate") {
        return gate();
    }
    let mut args = std::env::args().skip(2);
    let calls: u64 = args.next().ok_or("usage: bench-data input CALLS [SHIFT]")?.parse()?;
    let shift: u64 = args.next().map_or(Ok(0), |text| text.parse())?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    write!(
        out,
        r#"{{"run":{{"run_id":"run_bench_{shift}","created_at":"2026-11-01T00:00:00Z","producer_version":"bench"}},"#
    )?;
    for (list, body, label) in [("intents", "args", "tool_name"), ("results", "result", "status")] {
        writeln!(out, r#""{list}": ["#)?;
        let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
        for call in 0..calls {
            let text = dice.text(20);
            let value = format!(
                r#"{{"account":"acc-{:012}","amount":{}.{:02},"note":"{text}","page":{},"tags":["{}","{}"]}}"#,
                dice.next() % 1_000_000_000_000,
                dice.next() % 10_000 + shift,
                1 + dice.next() % 9,
                call % 97,
                dice.text(1),
                dice.text(1),
            );
            let digest = gait::kernel::json::canon::digest(value.as_bytes())?;
            let name = if list == "intents" { format!("tool.{}", call % 12) } else { "ok".to_owned() };
            let comma = if call + 1 < calls { "," } else { "" };
            writeln!(
                out,
                r#"{{"intent_id": "call_{call}", "{label}": "{name}", "{body}": {value}, "{body}_digest": "{digest}"}}{comma}"#
            )?;
        }
        write!(out, "],")?;
    }
    writeln!(out, r#""capture_mode":"raw"}}"#)?;
    Ok(())
}

fn gate() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(2);
    let (policy, intent) = args.next().zip(args.next()).ok_or("usage: bench-data gate POLICY INTENT")?;
    let policy = gait::gate::parse::read(&policy)?;
    let intent = gait::gate::intent::Intent::parse(&std::fs::read(intent)?)?;
    let at = gait::kernel::clock::Timestamp::date(2026, 1, 1);
    let mut times = Vec::new();
    for _ in 0..20_000 {
        let start = gait::kernel::clock::Stopwatch::start();
        std::hint::black_box(gait::gate::evaluate::evaluate(&policy, std::hint::black_box(&intent), &at));
        times.push(start.elapsed());
    }
    times.sort_unstable();
    let mut out = std::io::stdout().lock();
    writeln!(out, "{:.1}", times[times.len() * 99 / 100].as_nanos() as f64 / 1000.0)?;
    Ok(())
}
