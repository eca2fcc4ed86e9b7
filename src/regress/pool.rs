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
    fixtures: Arc<Vec<Selected>>,
    rules: Arc<Rules>,
    slots: Vec<OnceLock<Judged>>,
    /// The first fixture that nobody has taken.
    next: AtomicUsize,
}

impl Outcomes {
    /// The outcome of fixture `index`, waited for. Who waits helps: it would be woken for each fixture otherwise, which
    /// takes longer than judging a small one.
    pub fn wait(&self, index: usize) -> &Judged {
        let slot = &self.slots[index];
        while slot.get().is_none() && self.judge_next() {}
        slot.wait()
    }

    /// Waits for the outcomes of all fixtures.
    pub fn wait_for_all(&self) {
        for index in 0..self.slots.len() {
            self.wait(index);
        }
    }

    /// Judges one more fixture; false when all are taken.
    fn judge_next(&self) -> bool {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        let Some(selected) = self.fixtures.get(index) else { return false };
        // A slot is filled once, by the thread that took its number.
        let _ = self.slots[index].set(judged(selected, &self.rules));
        true
    }
}

/// How many threads to use unless told otherwise: one per core.
pub fn default_threads() -> NonZero<usize> {
    thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN)
}

/// Starts judging `fixtures` on `threads` threads, the one that waits being one of them. They end on their own.
pub fn start(fixtures: Arc<Vec<Selected>>, rules: Arc<Rules>, threads: NonZero<usize>) -> Arc<Outcomes> {
    let slots = fixtures.iter().map(|_| OnceLock::new()).collect();
    let helpers = threads.get().min(fixtures.len()).saturating_sub(1);
    let outcomes = Arc::new(Outcomes { fixtures, rules, slots, next: AtomicUsize::new(0) });
    for _ in 0..helpers {
        let outcomes = outcomes.clone();
        thread::spawn(move || while outcomes.judge_next() {});
    }
    outcomes
}

fn judged(selected: &Selected, rules: &Rules) -> Judged {
    let work =
        || judge::judge(&selected.listed, rules, |grader| selected.graders.iter().any(|wanted| wanted == grader));
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        judge::broken(&selected.listed, text)
    })
}
