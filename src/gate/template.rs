//! The policies to begin with.

/// A policy that is shipped: the names it answers to, its own first, and its text.
pub struct Template {
    pub names: &'static [&'static str],
    pub text: &'static str,
}

macro_rules! template {
    ($($names:literal),+; $file:literal) => {
        Template { names: &[$($names),+], text: include_str!(concat!("../../templates/policies/", $file)) }
    };
}

/// Every template.
pub const ALL: [Template; 10] = [
    template!("baseline-lowrisk", "baseline_low_risk", "low"; "baseline-lowrisk.yaml"),
    template!("baseline-mediumrisk", "baseline_medium_risk", "medium"; "baseline-mediumrisk.yaml"),
    template!("baseline-highrisk", "baseline_high_risk", "high"; "baseline-highrisk.yaml"),
    template!("filesystem"; "filesystem.yaml"),
    template!("refunds"; "refunds.yaml"),
    template!("egress"; "egress.yaml"),
    template!("trust-1-observe"; "trust-1-observe.yaml"),
    template!("trust-2-dry-run"; "trust-2-dry-run.yaml"),
    template!("trust-3-read-only"; "trust-3-read-only.yaml"),
    template!("trust-4-approved-write"; "trust-4-approved-write.yaml"),
];

/// The template of a name.
pub fn named(name: &str) -> Option<&'static Template> {
    ALL.iter().find(|template| template.names.contains(&name))
}
