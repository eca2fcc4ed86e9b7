//! `gait action`: the order of work.

use crate::action::context::{Context, Event};
use crate::action::inputs::{Command, Inputs};
use crate::action::{folder, results};
use crate::cli::action::done::{Done, Status};
use crate::cli::action::log::Log;
use crate::cli::action::{finish, other, regress, verify};
use crate::cli::exit::Exit;
use crate::cli::output::Answer;
use crate::kernel::error::{Error, Result};
use camino::Utf8PathBuf;
use clap::Args;

/// Run as the GitHub Action: everything comes from the environment (see action.yml)
#[derive(Debug, Args)]
pub struct ActionCmd {}

impl ActionCmd {
    /// Runs the command that the inputs name; `run` runs any other command line of this program.
    pub fn run(self, run: &dyn Fn(&[String]) -> Answer) -> Answer {
        let var = |name: &str| std::env::var(name).ok();
        let (log, (context, remarks)) = (Log, Context::read(&var));
        for remark in remarks {
            log.say(&remark);
        }
        if let Event::MergeGroup { number: Some(number), .. } = &context.event {
            log.say(&format!("merge group of pull request #{number}"));
        }
        let (step, line) = match Inputs::read(&var) {
            Ok(inputs) => act(&context, &inputs, run, &log),
            Err(error) => refused(&context, &error, &log),
        };
        log.say(&line);
        Answer::text_only("", step)
    }
}

/// Inputs that cannot be read: what can be said without them is said.
fn refused(context: &Context, error: &Error, log: &Log) -> (Exit, String) {
    let done = Done::failed("action", error);
    let defaults = Inputs::read(&|_| None);
    if let Ok(inputs) = &defaults {
        if let Err(error) = finish::outputs(&done, Status::Error, context, inputs, None) {
            log.say(&format!("the outputs were not set: {error}"));
        }
        finish::publish(&done, Status::Error, context, &Inputs { token: None, ..inputs.clone() }, log);
    }
    (done.exit, finish::last_line(&done, "action", Status::Error, done.exit))
}

/// Run, decide, write, publish; the verdict is decided before anybody is told.
fn act(context: &Context, inputs: &Inputs, run: &dyn Fn(&[String]) -> Answer, log: &Log) -> (Exit, String) {
    let command = inputs.command.word();
    let mut folder = None;
    let mut done = work(context, inputs, run, log, &mut folder).unwrap_or_else(|error| Done::failed(command, &error));
    if let Some(folder) = &folder
        && let Err(error) = finish::files(&done, command, folder, &context.workspace, log)
    {
        done = Done::failed(command, &error);
    }
    let (status, step) = done.step(inputs);
    if let Some(error) = done.answer.as_ref().and_then(|answer| answer.member("error")) {
        log.say(&format!("gait {command} error: {error}"));
    }
    if let Err(error) = finish::outputs(&done, status, context, inputs, folder.as_deref()) {
        log.say(&format!("the outputs were not set: {error}"));
    }
    finish::publish(&done, status, context, inputs, log);
    (step, finish::last_line(&done, command, status, step))
}

fn work(
    context: &Context,
    inputs: &Inputs,
    run: &dyn Fn(&[String]) -> Answer,
    log: &Log,
    folder: &mut Option<Utf8PathBuf>,
) -> Result<Done> {
    if inputs.command == Command::Install {
        return other::installed(context);
    }
    context.enter(&inputs.workdir)?;
    // Found before the folder is emptied: what is read must not be in it.
    let found = match inputs.command {
        Command::Verify => results::files(&inputs.paths, "paths")?,
        Command::Publish => results::files(&inputs.results, "results")?,
        _ => Vec::new(),
    };
    let mut read: Vec<&str> = found.iter().map(|path| path.as_str()).collect();
    read.extend([inputs.config.as_str(), inputs.candidate_dir.as_deref().unwrap_or_default()]);
    let here = folder::prepare(&inputs.artifact_dir, &context.workspace, &read)?;
    folder::temporary(context.temp.as_deref(), &here)?;
    *folder = Some(here.clone());
    match inputs.command {
        Command::Verify => verify::run(inputs, found, log),
        Command::Publish => regress::publish(inputs, &found, &here, log),
        Command::Regress => regress::run(inputs, &here, log),
        Command::Gate | Command::PolicyTest => other::run(inputs, run, log),
        Command::Install => other::installed(context),
    }
}
