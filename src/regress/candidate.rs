//! Where today's behaviour comes from: runpacks named by a flag, found in a folder, or named by the fixture.

use crate::kernel::error::{Error, Result};
use crate::kernel::fs;
use crate::regress::discover::Listed;
use crate::regress::fixture::Fixture;
use crate::runpack::locate;
use camino::{Utf8Path, Utf8PathBuf};
use std::collections::BTreeMap;

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
            Self::Fixture => "fixture",
        }
    }
}

/// The candidates of one fixture: one path per trial, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidates {
    pub origin: Origin,
    pub paths: Vec<Utf8PathBuf>,
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

    /// The candidates of `fixture`, from the first source that has any.
    pub fn of(&self, fixture: &Fixture) -> Candidates {
        let flag = self.named.get(&fixture.name).or(self.bare.as_ref());
        if let Some(path) = flag {
            return Candidates { origin: Origin::Flag, paths: vec![path.clone()] };
        }
        if let Some(paths) = self.dir.as_ref().map(|dir| in_dir(dir, fixture)).filter(|paths| !paths.is_empty()) {
            return Candidates { origin: Origin::Dir, paths };
        }
        match &fixture.metadata.candidate_runpack {
            Some(path) if Utf8Path::new(path).is_absolute() => {
                Candidates { origin: Origin::Fixture, paths: vec![path.into()] }
            }
            Some(path) => {
                let joined = fs::clean(fixture.dir.join(path).as_str());
                Candidates { origin: Origin::Fixture, paths: vec![joined] }
            }
            None => Candidates { origin: Origin::Baseline, paths: vec![fixture.runpack.clone().into()] },
        }
    }
}

/// `<fixture>/trial_<n>.zip` in order of n, else `<fixture>.zip`, else `runpack_<run_id>.zip`.
fn in_dir(dir: &Utf8Path, fixture: &Fixture) -> Vec<Utf8PathBuf> {
    let trials = dir.join(&fixture.name);
    let mut numbered: Vec<(u32, Utf8PathBuf)> = Vec::new();
    for entry in trials.read_dir_utf8().into_iter().flatten().flatten() {
        let number = entry.file_name().strip_prefix("trial_").and_then(|name| name.strip_suffix(".zip"));
        if let Some(number) = number.and_then(|number| number.parse().ok()) {
            numbered.push((number, entry.into_path()));
        }
    }
    if !numbered.is_empty() {
        numbered.sort();
        return numbered.into_iter().map(|(_, path)| path).collect();
    }
    let run_id = &fixture.metadata.run_id;
    let mut names = vec![format!("{}.zip", fixture.name)];
    if !run_id.contains(['/', '\\']) {
        names.push(format!("runpack_{run_id}.zip"));
    }
    names.into_iter().map(|name| dir.join(name)).find(|path| path.is_file()).into_iter().collect()
}
