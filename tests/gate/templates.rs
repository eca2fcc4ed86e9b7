//! Every shipped policy reads without a warning, and says what its cases say.

use crate::kit::policy;
use gait::gate::{cases, template};
use gait::kernel::clock::Timestamp;

#[test]
fn templates_hold_their_cases() {
    for template in &template::ALL {
        let name = template.names[0];
        assert_eq!(policy(template.text).warnings, Vec::<String>::new(), "{name}");
        let path = format!("templates/policies/{name}.cases.yaml");
        let cases = cases::read(&path).unwrap_or_else(|error| panic!("{error}"));
        for checked in cases::check(&cases, &Timestamp::date(2026, 1, 1)).unwrap() {
            assert!(checked.passed, "{path}: {}: {}", checked.name, checked.faults.join("; "));
        }
    }
}
