//! Cases as libtest knows them: trials that wait for their fixture's outcome.

use crate::kernel::error::Error;
use crate::regress::graders::LOAD;
use crate::regress::pool::Outcomes;
use crate::regress::select::Selected;
use crate::report::model::Case;
use libtest_mimic::{Arguments, Completion, Conclusion, Failed, FormatSetting, Trial};
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

/// Runs libtest-mimic. `None`: it could not print (it panics then), and the verdict does not depend on anybody reading.
pub fn shown(arguments: &Arguments, trials: Vec<Trial>) -> Option<Conclusion> {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let conclusion = catch_unwind(AssertUnwindSafe(|| libtest_mimic::run(arguments, trials))).ok();
    std::panic::set_hook(hook);
    conclusion
}

/// Shows the cases while they are judged elsewhere.
pub fn show(fixtures: &[Selected], outcomes: &Arc<Outcomes>, format: Option<FormatSetting>) {
    let arguments = Arguments { test_threads: Some(1), format, ..Arguments::default() };
    shown(&arguments, trials(fixtures, outcomes));
}

/// Runs the cases of a test target with libtest's arguments. A mere listing opens no fixture.
pub fn run(fixtures: &[Selected], start: impl FnOnce() -> Result<Arc<Outcomes>, Error>, given: &Arguments) -> ExitCode {
    let arguments = Arguments { test_threads: Some(1), ..given.clone() };
    if arguments.list || arguments.ignored {
        let mut names: Vec<String> = fixtures.iter().flat_map(Selected::names).collect();
        names.sort_unstable();
        let trials = names.into_iter().map(|name| Trial::test(name, || Ok(()))).collect();
        return shown(&arguments, trials).map_or(ExitCode::SUCCESS, |conclusion| conclusion.exit_code());
    }
    let outcomes = match start() {
        Ok(outcomes) => outcomes,
        Err(error) => return refused(&error, given),
    };
    let conclusion = shown(&arguments, trials(fixtures, &outcomes));
    let failed = || (0..fixtures.len()).any(|index| outcomes.wait(index).failed());
    match conclusion {
        Some(conclusion) => conclusion.exit_code(),
        None if failed() => ExitCode::from(101),
        None => ExitCode::SUCCESS,
    }
}

/// There is no plan to run: one failing case says why.
pub fn refused(error: &Error, given: &Arguments) -> ExitCode {
    let text = error.to_string();
    let trial = Trial::test("config", move || Err(text.into()));
    let conclusion = shown(&Arguments { test_threads: Some(1), ..given.clone() }, vec![trial]);
    conclusion.map_or(ExitCode::from(101), |conclusion| conclusion.exit_code())
}
