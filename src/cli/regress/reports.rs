//! Where the reports of a run go, and the writing of them.

use crate::kernel::error::{Error, Kind, Result};
use crate::kernel::fs;
use crate::report::model::Report;
use crate::report::{html, json, junit, summary};
use camino::Utf8PathBuf;
use clap::{Args, ValueEnum};

/// The files a run leaves behind.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Result file
    #[arg(long, value_name = "FILE", default_value = DEFAULT_OUTPUT)]
    output: String,
    /// JUnit file
    #[arg(long, value_name = "FILE")]
    junit: Option<String>,
    /// Markdown summary file
    #[arg(long, value_name = "FILE")]
    summary: Option<String>,
    /// HTML file: one page, the calls side by side
    #[arg(long, value_name = "FILE")]
    html: Option<String>,
    /// Print annotations for a pull request
    #[arg(long, value_name = "github", hide_possible_values = true)]
    annotations: Option<Annotations>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Annotations {
    Github,
}

/// Where the result of a run is unless told otherwise.
pub const DEFAULT_OUTPUT: &str = "regress_result.json";

/// Paths as given and as written.
#[derive(Debug)]
pub struct Reports {
    /// The result file as given.
    pub output: String,
    /// The JUnit file as given.
    pub junit: Option<String>,
    pub summary: Option<String>,
    pub html: Option<String>,
    annotations: Option<Annotations>,
    paths: [Option<Utf8PathBuf>; 4],
}

impl ReportArgs {
    /// Checks where the files may go; nothing is written. What is read, `inputs`, is no place for them.
    pub fn reports(&self, inputs: &[&str]) -> Result<Reports> {
        let named = |text: &Option<String>| text.as_deref().map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned);
        let output = if self.output.is_empty() { DEFAULT_OUTPUT.to_owned() } else { self.output.clone() };
        let (junit, summary, html) = (named(&self.junit), named(&self.summary), named(&self.html));
        let place = |path: &String| {
            let place = fs::output_path(path)?;
            if place.is_dir() {
                return Err(Error::invalid(format!("cannot write {path}: it is a directory")));
            }
            Ok(place)
        };
        let other = |path: &Option<String>| path.as_ref().map(place).transpose();
        let paths = [Some(place(&output)?), other(&junit)?, other(&summary)?, other(&html)?];
        let taken: Vec<Utf8PathBuf> = paths.iter().flatten().cloned().collect();
        let inputs: Vec<Utf8PathBuf> = inputs.iter().map(|path| fs::clean(path)).collect();
        let again = |at: usize| taken[..at].contains(&taken[at]) || inputs.contains(&taken[at]);
        if let Some(at) = (0..taken.len()).find(|&at| again(at) && fs::is_plain(&taken[at])) {
            let what = format!("cannot write {}: another report stands there, or what is read", taken[at]);
            return Err(Error::invalid(what).hint("give every file a path of its own"));
        }
        Ok(Reports { output, junit, summary, html, annotations: self.annotations, paths })
    }
}

impl Reports {
    /// The files by name, as `artifact_paths` lists them.
    pub fn artifacts(&self) -> Vec<String> {
        let all = [Some(&self.output), self.junit.as_ref(), self.summary.as_ref(), self.html.as_ref()];
        all.into_iter().flatten().map(|path| path.trim().to_owned()).collect()
    }

    /// Whether annotations are to be printed.
    pub fn annotated(&self) -> bool {
        self.annotations.is_some()
    }

    /// Removes what an earlier run left: until this run has a verdict, no file says anything. Devices and pipes stay.
    pub fn clear(&self) -> Result<()> {
        for path in self.paths.iter().flatten().filter(|path| fs::is_plain(path)) {
            match std::fs::remove_file(path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::io("remove the old", path, error).as_kind(Kind::InvalidInput));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Writes every file, its folder made if missing.
    pub fn write(&self, report: &Report) -> Result<()> {
        type Render = fn(&Report) -> Result<String>;
        let renders: [Render; 4] = [json::render, junit::render, summary::render, html::render];
        for (path, render) in self.paths.iter().zip(renders) {
            if let Some(path) = path {
                fs::make_parent(path)?;
                fs::write(path, render(report)?.as_bytes())?;
            }
        }
        Ok(())
    }
}
