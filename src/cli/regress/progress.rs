//! A bar on the terminal while agents run; nothing elsewhere.

use crate::regress::agent::{Step, Steps};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::Duration;

/// A bar, where there is somebody to see it.
pub struct Progress(Option<ProgressBar>);

impl Progress {
    /// A bar that is not drawn yet. None in CI, and where standard error is no terminal.
    pub fn on_terminal() -> Self {
        let ci = std::env::var("CI").is_ok_and(|value| !matches!(value.trim(), "" | "0" | "false"));
        Self((std::io::stderr().is_terminal() && !ci).then(ProgressBar::hidden))
    }

    /// Moves the bar with every trial.
    pub fn steps(&self) -> Steps {
        let Some(bar) = self.0.clone() else { return Steps::default() };
        Steps(Some(Arc::new(move |step: &Step| {
            if step.ended {
                bar.inc(1);
            } else {
                bar.set_message(format!("{} trial {}", step.fixture, step.trial));
            }
        })))
    }

    /// Draws the bar while `work` is done, `runs` steps of it, then takes it away. Does nothing where there is no bar.
    pub fn during(&self, runs: u64, work: impl FnOnce()) {
        let Some(bar) = self.0.as_ref().filter(|_| runs > 0) else { return };
        bar.set_length(runs);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {pos} of {len} agent runs, {elapsed}: {wide_msg}") {
            bar.set_style(style);
        }
        bar.set_draw_target(indicatif::ProgressDrawTarget::stderr());
        bar.enable_steady_tick(Duration::from_millis(120));
        work();
        bar.finish_and_clear();
    }
}
