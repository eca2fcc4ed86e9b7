//! `simulate`: a candidate policy beside a baseline on recorded intents.

use crate::cli::exit::Exit;
use crate::cli::output::Answer;
use crate::gate::intent::{self, Intent};
use crate::gate::{parse, rehearse, text};
use crate::kernel::clock::{Clock, Timestamp};
use crate::kernel::error::{Error, Result};
use crate::kernel::fs;
use camino::Utf8Path;
use clap::Args;
use std::collections::BTreeSet;

/// Compare a candidate policy with a baseline on intents
#[derive(Debug, Args)]
pub struct SimulateCmd {
    /// Candidate policy
    #[arg(long, value_name = "FILE")]
    policy: String,
    /// Policy in force
    #[arg(long, value_name = "FILE")]
    baseline: String,
    /// Intents: files, and folders searched for *.json, separated by commas
    #[arg(long, value_name = "LIST")]
    fixtures: String,
    /// Time that freeze windows are held against, RFC 3339 [default: now]
    #[arg(long, value_name = "TIME")]
    evaluation_time: Option<String>,
}

impl SimulateCmd {
    /// Compares and tells.
    pub fn run(self, clock: Clock) -> Result<Answer> {
        let at = self.evaluation_time.map(|time| time.trim().parse::<Timestamp>()).transpose()?;
        let mut paths = BTreeSet::new();
        for entry in text::csv(&self.fixtures) {
            let entry = fs::clean(&entry);
            if entry.is_dir() {
                search(&entry, &mut paths)?;
            } else if is_json(&entry) {
                paths.insert(entry.into_string());
            } else {
                return Err(Error::invalid(format!("fixture {entry} is no folder and no *.json file")));
            }
        }
        if paths.is_empty() {
            return Err(Error::invalid(format!("--fixtures {} holds no *.json file", self.fixtures)));
        }
        let (candidate, baseline) = (parse::read(&self.policy)?, parse::read(&self.baseline)?);
        let mut fixtures = Vec::with_capacity(paths.len());
        for path in paths {
            let intent = fs::read(&path, intent::LIMIT)
                .and_then(|bytes| Intent::parse(&bytes).map_err(|error| error.at(&path)))?;
            fixtures.push((path, intent));
        }
        let simulation = rehearse::simulate(&candidate, &baseline, &fixtures, &at.unwrap_or_else(|| clock.now()))?;
        let text = simulation.summary.clone();
        Ok(Answer::new(&simulation, Exit::Ok)?.text(text))
    }
}

fn is_json(path: &Utf8Path) -> bool {
    path.as_str().to_lowercase().ends_with(".json")
}

/// Every *.json file below a folder; linked folders are not entered.
fn search(folder: &Utf8Path, out: &mut BTreeSet<String>) -> Result<()> {
    let entries = folder.read_dir_utf8().map_err(|error| Error::io("read", folder, error))?;
    for entry in entries {
        let entry = entry.map_err(|error| Error::io("read", folder, error))?;
        let kind = entry.file_type().map_err(|error| Error::io("read", folder, error))?;
        let path = fs::clean(entry.path().as_str());
        if kind.is_dir() {
            search(&path, out)?;
        } else if is_json(&path) {
            out.insert(path.into_string());
        }
    }
    Ok(())
}
