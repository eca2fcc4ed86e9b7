//! A folder and a home for each test, and what is asked of processes.

use camino::{Utf8Path, Utf8PathBuf};

pub type Tests = &'static [(&'static str, fn())];

/// A folder that goes away.
pub struct Place(tempfile::TempDir);

impl Place {
    pub fn new() -> Self {
        let place = Self(tempfile::Builder::new().prefix("gait-agents-").tempdir().unwrap());
        std::fs::create_dir(place.path().join("home")).unwrap();
        place
    }

    pub fn path(&self) -> &Utf8Path {
        Utf8Path::from_path(self.0.path()).unwrap()
    }

    pub fn file(&self, name: &str) -> Utf8PathBuf {
        self.path().join(name)
    }

    pub fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.file(name)).unwrap()
    }

    /// Whether the process whose number stands in the file still runs.
    pub fn alive(&self, name: &str) -> bool {
        let pid: u32 = self.text(name).parse().unwrap();
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        !stat.is_empty() && !stat.contains(") Z ")
    }
}
