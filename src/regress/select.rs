//! Which cases are wanted: cargo test's filters, several at once.

use crate::regress::discover::Listed;
use crate::regress::graders::{self, LOAD};

/// Filters on case names. No filter wants everything.
#[derive(Debug, Clone, Default)]
pub struct Filters {
    /// A case is wanted when its name holds one of these.
    pub any: Vec<String>,
    /// ... or, with this, is one of them.
    pub exact: bool,
    /// A case is not wanted when its name holds (or is) one of these.
    pub skip: Vec<String>,
}

impl Filters {
    /// Whether the case `name` is wanted.
    pub fn want(&self, name: &str) -> bool {
        let fits = |filter: &String| if self.exact { name == filter } else { name.contains(filter.as_str()) };
        (self.any.is_empty() || self.any.iter().any(fits)) && !self.skip.iter().any(fits)
    }
}

/// The wanted cases of one fixture.
#[derive(Debug, Clone, PartialEq)]
pub struct Selected {
    pub listed: Listed,
    /// Wanted graders, sorted.
    pub graders: Vec<String>,
    /// Whether the case for loading is wanted by name.
    pub load: bool,
}

impl Selected {
    /// Names of all its cases, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut graders = self.graders.clone();
        if self.load {
            graders.push(LOAD.to_owned());
        }
        graders.sort_unstable();
        graders.into_iter().map(|grader| format!("{}/{grader}", self.listed.name)).collect()
    }
}

/// The fixtures that have a wanted case.
pub fn select(fixtures: Vec<Listed>, filters: &Filters) -> Vec<Selected> {
    let wanted = |listed: Listed| {
        let want = |grader: &str| filters.want(&format!("{}/{grader}", listed.name));
        let all = graders::of(&listed.settings);
        let graders = all.iter().map(|grader| grader.name()).filter(|name| want(name)).map(str::to_owned).collect();
        let load = want(LOAD);
        Selected { listed, graders, load }
    };
    let all = fixtures.into_iter().map(wanted);
    all.filter(|selected| selected.load || !selected.graders.is_empty()).collect()
}
