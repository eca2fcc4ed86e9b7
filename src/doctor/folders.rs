//! Folders that are written to: is each there, and can a file be made in it?

use crate::doctor::check::{Check, quoted};
use crate::kernel::fs;
use camino::{Utf8Path, Utf8PathBuf};
use std::io::ErrorKind;

/// The folder that is looked at, and the one artifacts go to (relative to it).
pub fn checks(workdir: &Utf8Path, output: &Utf8Path) -> Vec<Check> {
    let output = fs::clean(workdir.join(output).as_str());
    vec![
        named("workdir", "--workdir", workdir, Check::fail),
        named("output_dir", "--output-dir", &output, Check::warn),
        temp(),
    ]
}

/// A directory that a flag names; `absent` is how it stands when there is none yet.
fn named(name: &'static str, flag: &str, dir: &Utf8Path, absent: fn(&'static str, String) -> Check) -> Check {
    match dir.metadata() {
        Ok(found) if found.is_dir() => writable(name, dir),
        Ok(_) => Check::fail(name, format!("{dir} is a file: name a directory with {flag}")),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            absent(name, format!("{dir} does not exist")).fix(format!("mkdir -p {}", quoted(dir)))
        }
        Err(error) => Check::fail(name, format!("{dir}: {error}")),
    }
}

fn temp() -> Check {
    const NAME: &str = "temp_dir";
    match Utf8PathBuf::from_path_buf(std::env::temp_dir()) {
        Ok(dir) => writable(NAME, &dir),
        Err(dir) => Check::fail(NAME, format!("{} is not UTF-8", dir.display())),
    }
}

/// Makes a file under a name nobody has, and takes it away again.
fn writable(name: &'static str, dir: &Utf8Path) -> Check {
    match tempfile::Builder::new().prefix(".gait-doctor-").tempfile_in(dir) {
        Ok(_) => Check::pass(name, format!("{dir} can be written to")),
        Err(error) => Check::fail(name, format!("no file can be made in {dir}: {error}"))
            .fix(format!("chmod u+w {}", quoted(dir))),
    }
}
