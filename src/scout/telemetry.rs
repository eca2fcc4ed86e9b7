//! The events around a command: start and end, if the environment asks for them.

use crate::kernel::clock::{Clock, Stopwatch};
use crate::kernel::error::Result;
use crate::scout::health::Health;
use crate::scout::log::Environment;
use crate::scout::operational::Phase;
use crate::scout::{adoption, label, log, operational};
use std::time::Duration;

/// What one command waits at most for all its events together.
const PATIENCE: Duration = Duration::from_millis(100);
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What the environment asks for; `None` is off.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// `GAIT_ADOPTION_LOG`: path of the adoption log.
    pub adoption_log: Option<String>,
    /// `GAIT_ADOPTION_WORKFLOW`: `workflow_id` of adoption events.
    pub workflow: Option<String>,
    /// `GAIT_OPERATIONAL_LOG`: path of the operational log.
    pub operational_log: Option<String>,
    /// `GAIT_TELEMETRY_HEALTH_PATH`: path of the health snapshot; nothing is written if both logs are off.
    pub health: Option<String>,
    /// `GAIT_TELEMETRY_WARN=off`: no warnings.
    pub quiet: bool,
}

impl Settings {
    /// Reads the variables by `lookup`; values are trimmed, blank ones are off.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let value = |name: &str| {
            let text = lookup(name)?.trim().to_owned();
            (!text.is_empty()).then_some(text)
        };
        Self {
            adoption_log: value("GAIT_ADOPTION_LOG"),
            workflow: value("GAIT_ADOPTION_WORKFLOW"),
            operational_log: value("GAIT_OPERATIONAL_LOG"),
            health: value("GAIT_TELEMETRY_HEALTH_PATH"),
            quiet: value("GAIT_TELEMETRY_WARN").is_some_and(|text| text.eq_ignore_ascii_case("off")),
        }
    }

    fn off(&self) -> bool {
        self.adoption_log.is_none() && self.operational_log.is_none()
    }
}

/// The events of one command. Costs nothing when no log is asked for.
#[derive(Debug)]
pub struct Telemetry(Option<Box<Active>>);

#[derive(Debug)]
struct Active {
    settings: Settings,
    command: String,
    correlation_id: String,
    clock: Clock,
    watch: Stopwatch,
    patience: Duration,
    health: Health,
    warnings: Vec<String>,
}

impl Telemetry {
    /// As the process environment asks; see [`Telemetry::new`].
    pub fn from_env(args: &[String], correlation_id: &str, clock: Clock) -> Self {
        Self::new(Settings::read(|name| std::env::var(name).ok()), args, correlation_id, clock)
    }

    /// Events of the command that `args` (without the program's own name) ask for. The watch starts now.
    pub fn new(settings: Settings, args: &[String], correlation_id: &str, clock: Clock) -> Self {
        if settings.off() {
            return Self(None);
        }
        Self(Some(Box::new(Active {
            settings,
            command: label::of(args),
            correlation_id: correlation_id.to_owned(),
            clock,
            watch: Stopwatch::start(),
            patience: PATIENCE,
            health: Health::default(),
            warnings: Vec::new(),
        })))
    }

    /// Before the command: writes the start event. Gives the warnings to show, one line each.
    #[must_use]
    pub fn start(&mut self) -> Vec<String> {
        let Some(active) = &mut self.0 else { return Vec::new() };
        active.operational(Phase::Start, 0, operational::NONE, false);
        active.finish()
    }

    /// After the command: writes the adoption event and the end event. `category` and `retryable` are those of the
    /// error, if there was one. Gives the warnings to show, one line each.
    #[must_use]
    pub fn end(self, exit_code: u8, category: &str, retryable: bool) -> Vec<String> {
        let Some(mut active) = self.0 else { return Vec::new() };
        active.adoption(exit_code);
        let failed = exit_code != 0;
        let category = if failed { operational::category(category) } else { operational::NONE };
        active.operational(Phase::End, exit_code, category, failed && retryable);
        active.finish()
    }
}

impl Active {
    fn adoption(&mut self, exit_code: u8) {
        let Some(path) = self.settings.adoption_log.clone() else { return };
        let success = exit_code == 0;
        let milestones = if success { label::milestones(&self.command) } else { &[] };
        let event = adoption::Event {
            created_at: self.clock.now(),
            producer_version: VERSION.to_owned(),
            command: self.command.clone(),
            workflow_id: self.settings.workflow.clone().unwrap_or_default(),
            success,
            exit_code,
            elapsed_ms: i64::try_from(self.watch.elapsed().as_millis()).unwrap_or(i64::MAX),
            milestones: milestones.iter().map(|&name| name.to_owned()).collect(),
            environment: Environment::here(),
            ..adoption::Event::default()
        };
        self.write("adoption", |patience| log::append(&path, &event, patience));
    }

    fn operational(&mut self, phase: Phase, exit_code: u8, category: &str, retryable: bool) {
        let Some(path) = self.settings.operational_log.clone() else { return };
        let (stream, elapsed_ms) = match phase {
            Phase::Start => ("operational_start", 0),
            Phase::End => ("operational_end", u64::try_from(self.watch.elapsed().as_millis()).unwrap_or(u64::MAX)),
        };
        let event = operational::Event {
            schema_id: operational::SCHEMA_ID.to_owned(),
            schema_version: operational::SCHEMA_VERSION.to_owned(),
            created_at: self.clock.now(),
            producer_version: VERSION.to_owned(),
            correlation_id: self.correlation_id.clone(),
            command: self.command.clone(),
            phase,
            exit_code,
            error_category: category.to_owned(),
            retryable,
            elapsed_ms,
            environment: Environment::here(),
        };
        self.write(stream, |patience| log::append(&path, &event, patience));
    }

    fn write(&mut self, stream: &str, append: impl FnOnce(Duration) -> Result<()>) {
        let written = self.patiently(append);
        self.health.count(stream, written.is_ok());
        self.note(stream, written);
    }

    /// Rewrites the health snapshot and hands the warnings over.
    fn finish(&mut self) -> Vec<String> {
        if let Some(path) = self.settings.health.clone().filter(|_| !self.health.idle()) {
            let mut health = std::mem::take(&mut self.health);
            let now = self.clock.now();
            let written = self.patiently(|patience| health.write(&path, now, patience));
            self.health = health;
            self.note("telemetry_health", written);
        }
        std::mem::take(&mut self.warnings)
    }

    /// Does something that may wait, and takes the time from what is left to wait.
    fn patiently<T>(&mut self, action: impl FnOnce(Duration) -> T) -> T {
        let watch = Stopwatch::start();
        let out = action(self.patience);
        self.patience = self.patience.saturating_sub(watch.elapsed());
        out
    }

    fn note(&mut self, stream: &str, written: Result<()>) {
        if let (Err(error), false) = (written, self.settings.quiet) {
            let error = error.to_string().replace(['\n', '\r'], " ");
            self.warnings.push(format!("gait warning: telemetry stream={stream} write failed: {error}"));
        }
    }
}
