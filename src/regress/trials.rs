//! Cases as libtest knows them: trials that wait for their fixture's outcome.

use crate::kernel::error::Error;
use crate::regress::judge::LOAD;
use crate::regress::pool::Outcomes;
use crate::regress::select::Selected;
use crate::report::model::Case;
use libtest_mimic::{Arguments, Completion, Failed, FormatSetting, Trial};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Arc;

/// One trial a case, sorted by name.
fn trials(fixtures: &[Selected], outcomes: &Arc<Outcomes>) -> Vec<Trial> {
    let mut trials = Vec::new();
    for (index, selected) in fixtures.iter().enumerate() {
        for name in selected.names() {
            let outcomes = outcomes.clone();
            let load = selected.load.then(|| format!("{}/{LOAD}", selected.listed.name));
            let run = {
                let name = name.clone();
                move || finished(&name, load.as_deref(), &outcomes, index)
            };
            trials.push((name.clone(), Trial::ignorable_test(name, run)));
        }
    }
    trials.sort_by(|a, b| a.0.cmp(&b.0));
    trials.into_iter().map(|(_, trial)| trial).collect()
}

/// Waits for the fixture and says how the case `name` ended. When the fixture could not be loaded, its case `load`
/// fails, and the others fail too unless that one stands among them.
fn finished(name: &str, load: Option<&str>, outcomes: &Outcomes, index: usize) -> Result<Completion, Failed> {
    let judged = outcomes.wait(index);
    if let Some(case) = &judged.unloadable {
        return match load {
            Some(load) if load != name => Ok(Completion::ignored_with("the fixture could not be loaded")),
            _ => Err(message(case)),
        };
    }
    match judged.cases.iter().find(|case| case.grade.name == name) {
        Some(case) if case.grade.failed() => Err(message(case)),
        _ => Ok(Completion::Completed),
    }
}

fn message(case: &Case) -> Failed {
    let mut text = format!("{}\n{}", case.grade.reasons(), case.evidence);
    if !case.next.is_empty() {
        text.push_str(&format!("next: {}", case.next));
    }
    text.trim_end().into()
}

/// Shows the cases while they are judged elsewhere; false when standard output went away meanwhile.
pub fn show(fixtures: &[Selected], outcomes: &Arc<Outcomes>, format: Option<FormatSetting>) -> bool {
    let arguments = Arguments { test_threads: Some(1), format, ..Arguments::default() };
    let trials = trials(fixtures, outcomes);
    // libtest-mimic panics when it cannot print; the verdict does not depend on anybody reading it.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let shown = catch_unwind(AssertUnwindSafe(|| libtest_mimic::run(&arguments, trials))).is_ok();
    std::panic::set_hook(hook);
    shown
}

/// Runs the cases of a test target with libtest's arguments. A mere listing opens no fixture.
pub fn run(fixtures: &[Selected], start: impl FnOnce() -> Arc<Outcomes>, given: &Arguments) -> ExitCode {
    let arguments = Arguments { test_threads: Some(1), ..given.clone() };
    let trials = if arguments.list || arguments.ignored {
        let mut names: Vec<String> = fixtures.iter().flat_map(Selected::names).collect();
        names.sort_unstable();
        names.into_iter().map(|name| Trial::test(name, || Ok(()))).collect()
    } else {
        trials(fixtures, &start())
    };
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// There is no plan to run: one failing case says why.
pub fn refused(error: &Error, given: &Arguments) -> ExitCode {
    let text = error.to_string();
    let trial = Trial::test("config", move || Err(text.into()));
    libtest_mimic::run(&Arguments { test_threads: Some(1), ..given.clone() }, vec![trial]).exit_code()
}
