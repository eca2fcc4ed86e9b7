//! A report by fixture: what readers for people walk.

use crate::report::model::{Case, Report};

/// How bad a failing case is, the worst first: what can't be read, then what isn't sound, then what merely differs.
pub fn rank(case: &Case) -> u8 {
    match case.grade.grader() {
        "load" => 0,
        "schema_validation" => 1,
        _ => 2,
    }
}

/// The cases of one fixture.
pub struct Fixture<'a> {
    pub name: &'a str,
    pub cases: Vec<&'a Case>,
}

/// Fixtures in the order of their first case.
pub fn fixtures(report: &Report) -> Vec<Fixture<'_>> {
    let mut out: Vec<Fixture<'_>> = Vec::new();
    for case in &report.cases {
        let name = case.grade.fixture();
        match out.last_mut() {
            Some(last) if last.name == name => last.cases.push(case),
            _ => out.push(Fixture { name, cases: vec![case] }),
        }
    }
    out
}

impl Fixture<'_> {
    /// The cases that fail.
    pub fn failing(&self) -> impl Iterator<Item = &Case> {
        self.cases.iter().copied().filter(|case| case.grade.failed())
    }

    /// The cases that pass although a trial failed.
    pub fn flakes(&self) -> impl Iterator<Item = &Case> {
        self.cases.iter().copied().filter(|case| case.flaky())
    }

    /// Whether any case fails.
    pub fn failed(&self) -> bool {
        self.failing().next().is_some()
    }

    /// The rank of its worst failing case.
    pub fn rank(&self) -> u8 {
        self.failing().map(rank).min().unwrap_or(u8::MAX)
    }
}
