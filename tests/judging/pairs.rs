//! A thousand generated pairs of runs with labelled mutations: what a rule accepts passes, anything else fails.

use crate::runs::{codes, json, rules};
use gait::regress::allowed::Allowed;
use gait::regress::compare;
use gait::regress::run::Call;
use gait::regress::tolerance::Rules;
use serde_json::{Value, json};

const PAIRS: u64 = 1_000;

/// What every mode has in common.
const MATCH: &str = r#"ignore: ["$..trace_id"]
never: ["files.delete"]
tools:
  orders.lookup: { args: { "$.requested_at": { norm: time } } }
  payments.refund: { args: { "$.amount": { within: 0.01 }, "$.key": { norm: uuid } } }
  search.query: { args: { "$.q": { similar: 0.8 } }, status: any }
  files.*: { args: { "$.path": { norm: path } } }
  mail.send: { args: { "$.body": { norm: whitespace }, "$.data": { norm: json } } }"#;

/// The same numbers for the same seed, on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }

    fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    fn uuid(&mut self) -> String {
        format!("{:08x}-0000-4000-8000-{:012x}", self.below(1 << 30), self.below(1 << 30))
    }
}

/// A call before it is written down; references to results of earlier calls are already in its arguments.
#[derive(Debug, Clone)]
struct Step {
    tool: &'static str,
    args: Value,
    status: &'static str,
    result: Value,
}

fn steps(dice: &mut Dice) -> Vec<Step> {
    let mut out: Vec<Step> = Vec::new();
    for at in 0..3 + dice.below(25) {
        let order = format!("A-{}", dice.below(6));
        let step = |tool, args, result| Step { tool, args, status: "ok", result };
        let token = format!("tok-{at}-{}", dice.below(1000));
        out.push(match dice.below(6) {
            0 => step(
                "orders.lookup",
                json!({ "order": order, "requested_at": format!("2026-10-02T09:00:{:02}Z", dice.below(60)) }),
                json!({ "paid": 10 + dice.below(200), "token": token }),
            ),
            1 => step(
                "payments.refund",
                json!({ "order": order, "amount": 10.5 + dice.below(90) as f64, "key": dice.uuid() }),
                json!({ "refund": format!("re_{at}") }),
            ),
            2 => step(
                "mail.send",
                json!({ "to": format!("user{}@example.org", dice.below(9)), "body": "your refund is done",
                    "data": format!("{{\"order\":\"{order}\",\"n\":{}}}", dice.below(9)) }),
                json!({}),
            ),
            3 => step(
                "search.query",
                json!({ "q": format!("refund policy number {} for shoes", dice.below(4)), "limit": 1 + dice.below(9), "trace_id": dice.uuid() }),
                json!({ "hits": dice.below(9) }),
            ),
            4 => step("files.read", json!({ "path": format!("docs/part{}/a.txt", dice.below(5)) }), json!({ "bytes": 7 })),
            _ => {
                // Uses what an earlier call gave, where one gave something.
                let tokens: Vec<Value> = out.iter().filter_map(|step| step.result.get("token").cloned()).collect();
                let token = if tokens.is_empty() { json!("none") } else { dice.pick(&tokens).clone() };
                step("orders.close", json!({ "auth": token, "order": order, "count": dice.below(3) }), json!({ "ok": true }))
            }
        });
    }
    out
}

fn places(steps: &[Step], tool: &str) -> Vec<usize> {
    (0..steps.len()).filter(|at| steps[*at].tool == tool).collect()
}

/// Changes what a rule accepts; whether there was anything to change.
fn benign(kind: usize, order: &str, steps: &mut Vec<Step>, dice: &mut Dice) -> bool {
    let mut on = |tool: &str, dice: &mut Dice, change: &dyn Fn(&mut Step, &mut Dice)| {
        let places = places(steps, tool);
        if places.is_empty() {
            return false;
        }
        let at = *dice.pick(&places);
        change(&mut steps[at], dice);
        true
    };
    match kind {
        0 => on("orders.lookup", dice, &|step, dice| {
            step.args["requested_at"] = json!(format!("2026-11-24T21:{:02}:00.5+01:00", dice.below(60)));
        }),
        1 => on("payments.refund", dice, &|step, _| {
            step.args["amount"] = json!(step.args["amount"].as_f64().unwrap() + 1e-9);
        }),
        2 => on("payments.refund", dice, &|step, dice| step.args["key"] = json!(dice.uuid())),
        3 => on("mail.send", dice, &|step, _| step.args["body"] = json!(" your  refund\nis done")),
        4 => on("mail.send", dice, &|step, _| {
            step.args["data"] = json!(step.args["data"].as_str().unwrap().replace(':', " : "));
        }),
        5 => on("search.query", dice, &|step, dice| {
            step.args["trace_id"] = json!([dice.below(9)]);
            step.args["q"] = json!(step.args["q"].as_str().unwrap().replace("for shoes", "for the shoes"));
        }),
        6 => on("search.query", dice, &|step, _| step.status = "error"),
        7 => on("files.read", dice, &|step, _| {
            step.args["path"] = json!(step.args["path"].as_str().unwrap().replace("docs/", "./docs//x/../"));
        }),
        // A live result differs, and what was made of it follows.
        8 => {
            let places = places(steps, "orders.lookup");
            let Some(at) = places.first().map(|_| *dice.pick(&places)) else { return false };
            let (old, new) = (steps[at].result["token"].clone(), json!(format!("tok-new-{}", dice.below(1000))));
            steps[at].result["token"] = new.clone();
            for step in steps.iter_mut().filter(|step| step.args["auth"] == old) {
                step.args["auth"] = new.clone();
            }
            true
        }
        9 if order == "superset" || order == "strict" => {
            let at = dice.below(steps.len() + 1);
            let args = json!({ "path": format!("extra/{}", dice.below(1000)) });
            steps.insert(at, Step { tool: "notes.read", args, status: "ok", result: json!({}) });
            true
        }
        10 if order == "subset" && steps.len() > 1 => {
            // The results others are linked to stay.
            let at = dice.below(steps.len());
            if steps[at].tool == "orders.lookup" {
                return false;
            }
            steps.remove(at);
            true
        }
        _ => false,
    }
}

/// Changes what no rule accepts; whether there was anything to change.
fn harmful(kind: usize, order: &str, steps: &mut Vec<Step>, dice: &mut Dice) -> bool {
    let mut on = |tool: &str, dice: &mut Dice, change: &dyn Fn(&mut Step)| {
        let places = places(steps, tool);
        if places.is_empty() {
            return false;
        }
        let at = *dice.pick(&places);
        change(&mut steps[at]);
        true
    };
    match kind {
        0 => on("payments.refund", dice, &|step| {
            step.args["amount"] = json!(step.args["amount"].as_f64().unwrap() * 10.0)
        }),
        1 => on("payments.refund", dice, &|step| step.args["order"] = json!("B-1")),
        2 => on("payments.refund", dice, &|step| step.args["key"] = json!("no key")),
        3 => on("mail.send", dice, &|step| step.args["to"] = json!("eve@example.org")),
        4 => on("mail.send", dice, &|step| step.args["data"] = json!("{\"order\":\"B-1\"}")),
        5 => on("search.query", dice, &|step| step.args["q"] = json!("how to delete all customers")),
        6 => on("search.query", dice, &|step| step.args["limit"] = json!(1000)),
        7 => on("files.read", dice, &|step| step.args["path"] = json!("docs/../../etc/passwd")),
        8 => on("orders.close", dice, &|step| step.args["auth"] = json!("tok-stolen")),
        9 => on("orders.lookup", dice, &|step| step.status = "error"),
        10 => on("orders.lookup", dice, &|step| step.args["requested_at"] = json!("yesterday")),
        11 => on("orders.close", dice, &|step| step.args["also"] = json!(null)),
        12 => {
            let at = dice.below(steps.len() + 1);
            steps.insert(at, Step { tool: "files.delete", args: json!({}), status: "ok", result: json!({}) });
            true
        }
        13 if order != "superset" => {
            // The same payment once more.
            let places = places(steps, "payments.refund");
            let Some(at) = places.first().map(|_| *dice.pick(&places)) else { return false };
            let (again, behind) = (steps[at].clone(), dice.below(steps.len() + 1));
            steps.insert(behind, again);
            true
        }
        14 if order != "subset" => {
            let at = dice.below(steps.len());
            if steps[at].tool == "notes.read" {
                return false;
            }
            steps.remove(at);
            true
        }
        15 if order == "strict" => {
            let at = dice.below(steps.len() - 1);
            let others = ["notes.read", steps[at].tool];
            if others.contains(&steps[at + 1].tool) || steps[at].tool == "notes.read" {
                return false;
            }
            steps.swap(at, at + 1);
            true
        }
        _ => false,
    }
}

fn shuffled(steps: &mut [Step], dice: &mut Dice) {
    // Links point backwards: calls that give something to others stay in front.
    let front = steps.iter().rposition(|step| step.tool == "orders.lookup").map_or(0, |at| at + 1);
    for at in (front + 1..steps.len()).rev() {
        let other = front + dice.below(at - front + 1);
        steps.swap(at, other);
    }
}

fn calls(steps: &[Step]) -> Vec<Call> {
    steps.iter().map(|step| json(step.tool, &step.args, step.status, &step.result)).collect()
}

#[test]
#[expect(clippy::print_stderr, reason = "the numbers are what it is for")]
fn no_false_green_and_hardly_a_false_red() {
    let modes: Vec<(&str, Rules)> = ["strict", "unordered", "subset", "superset"]
        .map(|order| {
            let extra = if order == "strict" { "\nextra: [notes.read]" } else { "" };
            (order, rules(&format!("order: {order}{extra}\n{MATCH}")))
        })
        .into();
    let (mut greens, mut reds, mut false_red, mut kinds) = (0, 0, Vec::new(), [0; 16]);
    for seed in 0..PAIRS {
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 42);
        let (order, rules) = &modes[dice.below(modes.len())];
        let baseline = steps(&mut dice);
        let (mut candidate, mut label) = (baseline.clone(), Vec::new());
        for _ in 0..dice.below(6) {
            let kind = dice.below(11);
            if benign(kind, order, &mut candidate, &mut dice) {
                label.push(kind);
            }
        }
        if *order != "strict" && dice.below(2) == 0 {
            shuffled(&mut candidate, &mut dice);
        }
        let bad = dice.below(2) == 0;
        let mut harm = None;
        while bad && harm.is_none() {
            let kind = dice.below(16);
            harm = harmful(kind, order, &mut candidate, &mut dice).then_some(kind);
        }
        let found = compare::compare(&calls(&baseline), &calls(&candidate), rules, &Allowed::default());
        let case = || format!("seed {seed}, {order}, benign {label:?}, harm {harm:?}: {}", codes(&found));
        match harm {
            Some(kind) => {
                reds += 1;
                kinds[kind] += 1;
                assert!(!found.holds(), "false green: {}", case());
            }
            None => {
                greens += 1;
                if !found.holds() {
                    false_red.push(case());
                }
            }
        }
        let open = found.calls.iter().filter(|call| call.reasons.is_empty());
        for call in open {
            let named = call.rule.is_some() || !call.accepted.is_empty() && call.accepted.iter().all(Option::is_some);
            assert!(named, "accepted without a rule: {call:?}");
        }
    }
    eprintln!("{greens} pairs to pass, {} failed {false_red:?}; {reds} pairs to fail, 0 passed", false_red.len());
    assert!(kinds.iter().all(|count| *count > 5), "each kind of harm is there: {kinds:?}");
    assert!(false_red.len() as u64 * 100 <= PAIRS.min(greens), "{false_red:#?}");
}
