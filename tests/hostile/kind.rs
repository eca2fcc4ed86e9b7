//! One kind of pack: its bytes, what is wrong with it, and the verdict it has to get.

use crate::pack::{Pack, key, signer};
use crate::zip::Zip;
use gait::kernel::archive::read::Limits;
use gait::kernel::archive::source::Source;
use gait::kernel::error::{Error, Kind as ErrorKind};
use gait::runpack::verify::{self, Demands, Trust};
use gait::sign::key::PublicKey;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// What verification has to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The pack verifies.
    Ok,
    /// It is a pack that does not hold.
    Fails,
    /// It is no pack that could be judged.
    Invalid,
}

/// The verdict under each set of demands, and words the report or error has to hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expect {
    /// With the signer's key among the trusted ones.
    pub standard: Verdict,
    /// The same, and a signature required.
    pub require_signature: Verdict,
    /// With the signer's key given, or the one in `key.pub`.
    pub given_key: Verdict,
    /// The same, strict.
    pub strict: Verdict,
    /// Under the first demand that does not say ok, or else under the first.
    pub says: String,
}

impl Expect {
    /// The same verdict under all demands.
    pub fn always(verdict: Verdict, says: &str) -> Self {
        Self {
            standard: verdict,
            require_signature: verdict,
            given_key: verdict,
            strict: verdict,
            says: says.to_owned(),
        }
    }

    /// In the order of [`demands`].
    pub fn verdicts(&self) -> [Verdict; 4] {
        [self.standard, self.require_signature, self.given_key, self.strict]
    }
}

/// A kind as the generator makes it.
pub struct Kind {
    pub name: String,
    pub why: String,
    pub expect: Expect,
    pub bytes: Vec<u8>,
    /// The public key to verify with, in place of the signer's.
    pub key: Option<String>,
}

impl Kind {
    fn new(name: &str, why: &str, expect: Expect, bytes: Vec<u8>) -> Self {
        Self { name: name.to_owned(), why: why.to_owned(), expect, bytes, key: None }
    }

    /// A pack that does not hold, whatever is demanded.
    pub fn fails(name: &str, why: &str, says: &str, zip: &Zip) -> Self {
        Self::new(name, why, Expect::always(Verdict::Fails, says), zip.write())
    }

    /// Nothing that could be judged.
    pub fn invalid(name: &str, why: &str, says: &str, bytes: Vec<u8>) -> Self {
        Self::new(name, why, Expect::always(Verdict::Invalid, says), bytes)
    }

    /// A pack that verifies, whatever is demanded.
    pub fn holds(name: &str, why: &str, zip: &Zip) -> Self {
        Self::new(name, why, Expect::always(Verdict::Ok, "verified"), zip.write())
    }

    /// A pack whose verdict depends on the demands.
    pub fn depends(name: &str, why: &str, verdicts: [Verdict; 4], says: &str, zip: &Zip) -> Self {
        let [standard, require_signature, given_key, strict] = verdicts;
        let expect = Expect { standard, require_signature, given_key, strict, says: says.to_owned() };
        Self::new(name, why, expect, zip.write())
    }

    /// A sound pack whose archive is changed.
    pub fn archive(name: &str, why: &str, says: &str, change: impl FnOnce(&mut Zip)) -> Self {
        Self::fails(name, why, says, &changed(change))
    }

    /// A sound pack whose archive is changed into none.
    pub fn no_archive(name: &str, why: &str, says: &str, change: impl FnOnce(&mut Zip)) -> Self {
        Self::invalid(name, why, says, changed(change).write())
    }
}

/// The sound archive after `change`.
pub fn changed(change: impl FnOnce(&mut Zip)) -> Zip {
    let mut zip = Pack::sound().zip();
    change(&mut zip);
    zip
}

/// Where the kinds are kept.
pub fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

fn demands(given: PublicKey) -> [Demands; 4] {
    let known = Trust::Known(vec![key(1).public(), signer().public()]);
    let make = |trust: &Trust, require_signature, strict| Demands {
        trust: trust.clone(),
        require_signature,
        strict,
        limits: Limits::default(),
    };
    let given = Trust::Given(given);
    [make(&known, false, false), make(&known, true, false), make(&given, false, false), make(&given, true, true)]
}

/// The verdict on a pack and what it says: the report as JSON, or the error.
fn judge(path: &Path, demands: &Demands) -> (Verdict, String) {
    match verify::verify(path, demands) {
        Ok(report) => {
            let verdict = if report.ok { Verdict::Ok } else { Verdict::Fails };
            (verdict, serde_json::to_value(&report).unwrap().to_string())
        }
        Err(error) => (of_error(&error), error.to_string()),
    }
}

/// What an error says about a pack; an error of the machine is none of the verdicts.
fn of_error(error: &Error) -> Verdict {
    match error.kind() {
        ErrorKind::VerificationFailed => Verdict::Fails,
        ErrorKind::InvalidInput => Verdict::Invalid,
        other => panic!("{other:?}: {error}"),
    }
}

/// Verifies the pack in `dir` under all demands; one line for each thing that is not as expected.
pub fn complaints(dir: &Path) -> Vec<String> {
    let read = |name: &str| std::fs::read_to_string(dir.join(name));
    let name = dir.file_name().unwrap().to_string_lossy().into_owned();
    let expect: Expect = serde_json::from_str(&read("expect.json").unwrap()).unwrap();
    let pack = dir.join("pack.zip");
    let given = match read("key.pub").map(|text| PublicKey::from_text(&text)) {
        Err(_) => signer().public(),
        Ok(Ok(key)) => key,
        Ok(Err(error)) => {
            let expected = (expect.given_key, expect.strict) == (Verdict::Invalid, Verdict::Invalid);
            return if expected && error.to_string().contains(&expect.says) {
                Vec::new()
            } else {
                vec![format!("{name}: the key itself is refused: {error}")]
            };
        }
    };
    let demands = demands(given);
    let heard: Vec<_> = demands.iter().map(|demands| judge(&pack, demands)).collect();
    let mut complaints = Vec::new();
    for (want, (got, said)) in expect.verdicts().iter().zip(&heard) {
        if want != got {
            complaints.push(format!("{name}: {got:?} where {want:?} was expected: {}", short(said)));
        }
    }
    let told = heard.iter().find(|(verdict, _)| *verdict != Verdict::Ok).or(heard.first());
    if let Some((_, said)) = told.filter(|(_, said)| !said.contains(&expect.says)) {
        complaints.push(format!("{name}: does not say {:?} but {}", expect.says, short(said)));
    }
    complaints.extend(disagreement(&pack, heard[0].0, &demands[0].trust).map(|what| format!("{name}: {what}")));
    complaints
}

fn short(text: &str) -> String {
    text.chars().take(400).collect()
}

/// What verifies, the zip crate has to read in the same way; what does not, no verb may take for a pack.
fn disagreement(path: &Path, verdict: Verdict, trust: &Trust) -> Option<String> {
    let source = Source::open(path).ok()?;
    let bytes = source.to_vec(1 << 30).ok()?;
    let opened = gait::runpack::read::Pack::read(source, trust);
    if verdict == Verdict::Ok {
        let zip = zip::ZipArchive::new(std::io::Cursor::new(bytes)).map(|zip| zip.len());
        let manifest: Value = serde_json::to_value(&opened.ok()?.contents.manifest).ok()?;
        let declared = manifest["files"].as_array()?.len();
        return (zip.ok() != Some(declared + 1)).then(|| "the zip crate reads other entries".to_owned());
    }
    let schema_only = |pack: &gait::runpack::read::Pack| !pack.contents.schema_faults.is_empty();
    opened.is_ok_and(|pack| !schema_only(&pack)).then(|| "can be opened although it does not verify".to_owned())
}
