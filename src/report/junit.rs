//! JUnit XML: one suite, one test case per graded case.

use crate::kernel::error::{Error, Kind, Result};
use crate::report::model::{Case, Report};
use crate::report::text::{one_line, visible};
use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestRerun, TestSuite};
use std::time::Duration;

/// The JUnit document; times are wall times.
pub fn render(report: &Report) -> Result<String> {
    let total: Duration = report.cases.iter().map(|case| case.elapsed).sum();
    let mut suite = TestSuite::new(one_line(&format!("gait.regress.{}", report.fixture_set)));
    suite.set_time(total).add_test_cases(report.cases.iter().map(|case| test_case(case)));
    let mut document = quick_junit::Report::unnamed();
    document.set_time(total).add_test_suite(suite);
    document.to_string().map_err(|error| Error::new(Kind::Internal, format!("cannot encode JUnit: {error}")))
}

fn test_case(case: &Case) -> TestCase {
    let mut status = TestCaseStatus::success();
    if case.grade.failed() {
        let next = if case.next.is_empty() { String::new() } else { format!("next: {}\n", case.next) };
        status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status
            .set_type("regress_failure")
            .set_message(one_line(&case.grade.reasons()))
            .set_description(visible(&format!("{}{next}", ended(&case.evidence))));
    }
    // `flakyFailure` in a pass, `rerunFailure` in a failure.
    for failed in &case.reruns {
        let mut rerun = TestRerun::new(NonSuccessKind::Failure);
        rerun
            .set_type("regress_failure")
            .set_message(one_line(&failed.line()))
            .set_description(visible(&ended(&failed.evidence)));
        status.add_rerun(rerun);
    }
    let mut out = TestCase::new(one_line(case.grade.grader()), status);
    out.set_classname(one_line(case.grade.fixture())).set_time(case.elapsed);
    out
}

/// `text` as whole lines.
fn ended(text: &str) -> String {
    let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    format!("{text}{end}")
}
