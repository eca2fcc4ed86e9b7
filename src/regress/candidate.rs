//! Where today's behaviour comes from: runpacks named by a flag, found in a folder, or named by the fixture.

use crate::kernel::error::{Error, Result};
use crate::kernel::fs;
use crate::regress::discover::Listed;
use crate::regress::fixture::Fixture;
use crate::runpack::locate;
use camino::{Utf8Path, Utf8PathBuf};
use std::collections::BTreeMap;
use std::io::ErrorKind;

/// Environment variable that names the candidate folder when no flag does.
pub const DIR_VAR: &str = "GAIT_REGRESS_CANDIDATE_DIR";

/// Which source a candidate came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// None: the baseline stands in for it.
    Baseline,
    /// `--candidate`.
    Flag,
    /// `--candidate-dir` or its variable.
    Dir,
    /// `agent` in `gait.yaml`: today's agent is run.
    Agent,
    /// `candidate_runpack` in `fixture.json`.
    Fixture,
}

impl Origin {
    /// The word in `details.candidate_source`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Baseline => "none",
            Self::Flag => "flag",
            Self::Dir => "dir",
            Self::Agent => "agent",
            Self::Fixture => "fixture",
        }
    }
}

/// The candidates of one fixture: number (from 1) and path of each trial; none when the baseline has to stand in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidates {
    pub origin: Origin,
    pub trials: Vec<(usize, Utf8PathBuf)>,
}

/// What the caller says about candidates.
#[derive(Debug, Clone, Default)]
pub struct Given {
    named: BTreeMap<String, Utf8PathBuf>,
    bare: Option<Utf8PathBuf>,
    dir: Option<Utf8PathBuf>,
}

impl Given {
    /// Reads `--candidate` values (`<fixture>=<run_id|path>`, or one path alone) and the folder, for these fixtures.
    pub fn parse(flags: &[String], dir: Option<&str>, fixtures: &[Listed]) -> Result<Self> {
        let mut given = Self::default();
        for flag in flags {
            let known = flag.split_once('=').filter(|(name, _)| fixtures.iter().any(|f| f.name == *name));
            match known {
                Some((name, source)) => {
                    let path = locate::resolve(source).map_err(|e| e.at(format!("--candidate {flag}")))?;
                    given.named.insert(name.to_owned(), path);
                }
                None if fixtures.len() == 1 => {
                    let path = locate::resolve(flag).map_err(|e| e.at(format!("--candidate {flag}")))?;
                    given.bare = Some(path);
                }
                None => {
                    let names: Vec<&str> = fixtures.iter().take(8).map(|f| f.name.as_str()).collect();
                    let what = format!("--candidate {flag} names no fixture of this config");
                    return Err(Error::invalid(what).hint(format!(
                        "write --candidate <fixture>=<run_id|path>; there are {} fixtures: {}",
                        fixtures.len(),
                        names.join(", ")
                    )));
                }
            }
        }
        if let Some(dir) = dir.map(str::trim).filter(|dir| !dir.is_empty()) {
            if !Utf8Path::new(dir).is_dir() {
                return Err(Error::invalid(format!("the candidate folder {dir} does not exist")));
            }
            given.dir = Some(dir.into());
        }
        Ok(given)
    }

    /// The candidates of `fixture`, from the first source that has any. Those of its agent are still to be made. Where a
    /// folder of candidates is given, no agent is run: whoever judges elsewhere does not run what is judged.
    pub fn of(&self, fixture: &Fixture) -> Candidates {
        let one = |origin, path: Utf8PathBuf| Candidates { origin, trials: vec![(1, path)] };
        if let Some(path) = self.named.get(&fixture.name).or(self.bare.as_ref()) {
            return one(Origin::Flag, path.clone());
        }
        let found = self.dir.as_ref().map(|dir| in_dir(dir, fixture)).unwrap_or_default();
        if !found.is_empty() {
            return Candidates { origin: Origin::Dir, trials: found };
        }
        if fixture.settings.agent().is_some() {
            let origin = if self.dir.is_some() { Origin::Baseline } else { Origin::Agent };
            return Candidates { origin, trials: Vec::new() };
        }
        match &fixture.metadata.candidate_runpack {
            Some(path) if Utf8Path::new(path).is_absolute() => one(Origin::Fixture, path.into()),
            Some(path) => one(Origin::Fixture, fs::clean(fixture.dir.join(path).as_str())),
            None => Candidates { origin: Origin::Baseline, trials: Vec::new() },
        }
    }
}

/// `<fixture>/trial_<n>.zip` in order of n, else `<fixture>.zip`, else `runpack_<run_id>.zip`.
fn in_dir(dir: &Utf8Path, fixture: &Fixture) -> Vec<(usize, Utf8PathBuf)> {
    let trials = in_folder(&dir.join(&fixture.name));
    if !trials.is_empty() {
        return trials;
    }
    let run_id = &fixture.metadata.run_id;
    let mut names = vec![format!("{}.zip", fixture.name)];
    if !run_id.contains(['/', '\\']) {
        names.push(format!("runpack_{run_id}.zip"));
    }
    let path = names.into_iter().map(|name| dir.join(name)).find(|path| path.is_file());
    path.map(|path| (1, path)).into_iter().collect()
}

/// `trial_<n>.zip` in order of n; a trial that came to nothing has left `trial_<n>.json` alone. A folder that cannot be
/// read stands for its trials: loading it fails, and says why.
pub fn in_folder(folder: &Utf8Path) -> Vec<(usize, Utf8PathBuf)> {
    let mut trials = BTreeMap::new();
    match folder.read_dir_utf8() {
        Ok(listing) => trials.extend(listing.flatten().filter_map(|entry| {
            let (digits, end) = entry.file_name().strip_prefix("trial_")?.split_once('.')?;
            let number = digits.parse::<usize>().ok().filter(|_| matches!(end, "zip" | "json"))?;
            Some((number, folder.join(format!("trial_{digits}.zip"))))
        })),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(_) => return vec![(1, folder.to_owned())],
    }
    trials.into_iter().collect()
}
