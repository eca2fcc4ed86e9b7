//! Fixtures judged in parallel, each exactly once, their outcomes taken in any order.

use crate::regress::judge::{self, Judged, Rules};
use crate::regress::select::Selected;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;

/// Outcomes that arrive while others are still being worked on.
#[derive(Debug)]
pub struct Outcomes {
    slots: Vec<OnceLock<Judged>>,
}

impl Outcomes {
    /// The outcome of fixture `index`, waited for.
    pub fn wait(&self, index: usize) -> &Judged {
        self.slots[index].wait()
    }
}

/// How many threads to use unless told otherwise: one per core.
pub fn default_threads() -> NonZero<usize> {
    thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN)
}

/// Starts judging `fixtures` on `threads` threads. They end on their own.
pub fn start(fixtures: Arc<Vec<Selected>>, rules: Arc<Rules>, threads: NonZero<usize>) -> Arc<Outcomes> {
    let outcomes = Arc::new(Outcomes { slots: fixtures.iter().map(|_| OnceLock::new()).collect() });
    let next = Arc::new(AtomicUsize::new(0));
    for _ in 0..threads.get().min(fixtures.len()) {
        let (fixtures, rules, outcomes, next) = (fixtures.clone(), rules.clone(), outcomes.clone(), next.clone());
        thread::spawn(move || {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(selected) = fixtures.get(index) else { break };
                // A slot is filled once, by the thread that took its number.
                let _ = outcomes.slots[index].set(judged(selected, &rules));
            }
        });
    }
    outcomes
}

fn judged(selected: &Selected, rules: &Rules) -> Judged {
    let work = || judge::judge(&selected.listed, rules, |grader| selected.graders.contains(&grader));
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        judge::broken(&selected.listed, text)
    })
}
