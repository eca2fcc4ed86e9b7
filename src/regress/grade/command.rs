//! Graders of one's own: a program looks at each run and says by its exit code what it thinks.
//!
//! It gets `GAIT_BASELINE` and `GAIT_CANDIDATE`, absolute paths of the runpacks, and on standard input the case as one
//! JSON object with the candidate's calls. Exit 0 is a pass, 5 a failure, anything else `grader_error`.

use crate::config::graders::Program;
use crate::kernel::error::{Error, Kind, Result};
use crate::kernel::fs;
use crate::kernel::json::tree::Json;
use crate::regress::case::{Run, Subject, Verdict, shell_word};
use crate::regress::job::Report;
use crate::regress::supervise::{self, tail};
use crate::regress::{run, verdict};
use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Reason code: the program did not come to a verdict.
const ERROR: &str = "grader_error";
/// Most that is read of what it says, in bytes.
const SAID: u64 = 1 << 20;
/// Lines of its standard error that are shown.
const LINES: usize = 20;
/// Most reason codes, and the longest of them in bytes.
const CODES: (usize, usize) = (20, 100);

/// What a program may say about a failure.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Said {
    reason_codes: Vec<String>,
    details: Map<String, Value>,
    evidence: String,
}

/// Runs the program once for each run.
pub fn grade(program: &Program, subject: &Subject<'_>) -> Verdict {
    verdict::of_runs(subject, &program.name, |run| {
        let unreadable = run.unreadable();
        let mut verdict = unreadable
            .unwrap_or_else(|| judged(program, subject, run).unwrap_or_else(|e| Verdict::error(ERROR, &e.to_string())));
        let name = format!("{}/{}", subject.fixture.name, program.name);
        verdict.next = format!("gait regress run --exact {}", shell_word(&name));
        verdict
    })
}

fn judged(program: &Program, subject: &Subject<'_>, run: &Run<'_>) -> Result<Verdict> {
    let folder = tempfile::tempdir().map_err(|e| Error::new(Kind::Internal, format!("no temporary folder: {e}")))?;
    let folder = Utf8Path::from_path(folder.path())
        .ok_or_else(|| Error::invalid(format!("{} is not a UTF-8 path", folder.path().display())))?;
    let [input, said, errors] = ["case.json", "stdout", "stderr"].map(|name| folder.join(name));
    let absolute = |path: &Utf8Path| -> Result<Utf8PathBuf> {
        let path = std::path::absolute(path).map_err(|e| Error::io("find", path, e))?;
        Utf8PathBuf::from_path_buf(path).map_err(|path| Error::invalid(format!("{} is not UTF-8", path.display())))
    };
    let (baseline, candidate) = (absolute(Utf8Path::new(&subject.fixture.runpack))?, absolute(run.path)?);
    fs::write_unsynced(&input, &case(program, subject, run, [&baseline, &candidate])?)?;
    let started = supervise::start(&supervise::Program {
        argv: program.command.clone(),
        cwd: program.cwd.clone(),
        env: vec![
            ("GAIT_BASELINE".to_owned(), baseline.into_string()),
            ("GAIT_CANDIDATE".to_owned(), candidate.into_string()),
            ("GAIT_REGRESS_FIXTURE".to_owned(), subject.fixture.name.clone()),
            ("GAIT_REGRESS_TRIAL".to_owned(), run.trial.map_or(0, |trial| trial.number).to_string()),
        ],
        stdin: Some(input),
        stdout: said.clone(),
        stderr: errors.clone(),
        timeout: program.timeout,
    })?;
    let shown = || match tail(&errors, LINES) {
        lines if lines.is_empty() => String::new(),
        lines => format!("it wrote to standard error:\n{lines}\n"),
    };
    let error = |what: String| {
        let mut verdict = Verdict::error(ERROR, &what);
        verdict.evidence.push_str(&shown());
        verdict
    };
    Ok(match started.wait()? {
        Report::Code(0) => Verdict::default(),
        Report::Code(5) => match failure(program, &fs::read(&said, SAID)?) {
            Ok(mut verdict) => {
                verdict.evidence.push_str(&shown());
                verdict
            }
            Err(what) => error(what),
        },
        Report::Code(code) => error(format!("the grader ended with exit code {code}; 0 is a pass, 5 a failure")),
        Report::Signal(signal) => error(format!("the grader was ended by signal {signal}")),
        Report::TimedOut => {
            error(format!("the grader took longer than {}", humantime::format_duration(program.timeout)))
        }
        Report::NotStarted(why) => error(why),
        Report::Stopped => error("the grader was interrupted".to_owned()),
    })
}

/// The case as the program reads it.
fn case(program: &Program, subject: &Subject<'_>, run: &Run<'_>, paths: [&Utf8Path; 2]) -> Result<Vec<u8>> {
    let fixture = subject.fixture;
    let calls = run::of(run.pack.map_err(|e| Error::invalid(e.to_string()))?)?;
    let calls: Vec<_> = calls
        .iter()
        .map(|call| Told { tool: &call.tool, args: &call.args, status: &call.status, result: &call.result })
        .collect();
    let head = json!({
        "name": format!("{}/{}", fixture.name, program.name),
        "fixture": fixture.name,
        "grader": program.name,
        "trial": run.trial.map(|trial| trial.number),
        "run_id": fixture.baseline.contents.run.run_id,
        "baseline": paths[0],
        "candidate": paths[1],
        "candidate_source": subject.origin.word(),
    });
    let case = Case { head, calls };
    serde_json::to_vec(&case).map_err(|e| Error::new(Kind::Internal, e.to_string()))
}

#[derive(Serialize)]
struct Case<'a> {
    #[serde(flatten)]
    head: Value,
    calls: Vec<Told<'a>>,
}

#[derive(Serialize)]
struct Told<'a> {
    tool: &'a str,
    args: &'a Json,
    status: &'a Option<String>,
    result: &'a Option<Json>,
}

/// The verdict of a program that failed the run. Text that is no JSON is evidence.
fn failure(program: &Program, said: &[u8]) -> Result<Verdict, String> {
    let text = String::from_utf8_lossy(said);
    let said = match text.trim_start().starts_with('{') {
        true => {
            serde_json::from_str::<Said>(&text).map_err(|e| format!("the grader's output is not as agreed: {e}"))?
        }
        false => Said { evidence: text.into_owned(), ..Said::default() },
    };
    let plain = |code: &String| {
        !code.is_empty()
            && code.len() <= CODES.1
            && code.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
    };
    if said.reason_codes.len() > CODES.0 || !said.reason_codes.iter().all(plain) {
        let (most, long) = CODES;
        return Err(format!(
            "the grader's reason codes are not as agreed: at most {most}, each at most {long} letters, digits, `_`, \
             `-` and `.`"
        ));
    }
    let mut verdict = Verdict::default();
    verdict.reason_codes.extend(said.reason_codes);
    if verdict.reason_codes.is_empty() {
        verdict.fail(&program.name);
    }
    if !said.details.is_empty() {
        verdict.detail("reported", said.details);
    }
    verdict.evidence = said.evidence;
    if !verdict.evidence.is_empty() && !verdict.evidence.ends_with('\n') {
        verdict.evidence.push('\n');
    }
    Ok(verdict)
}
