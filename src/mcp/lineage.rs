//! Which process came from which, as the kernel tells it.

use std::collections::HashMap;

/// A process as Linux tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stat {
    pub parent: u32,
    /// In the kernel's ticks: a later process of the same number started at another time.
    pub started: String,
}

/// The process `pid`; `None` where there is no `/proc`, and for one that is gone.
pub fn stat(pid: u32) -> Option<Stat> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything, parentheses too.
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    Some(Stat { parent: fields.get(1)?.parse().ok()?, started: (*fields.get(19)?).to_owned() })
}

/// All processes below `pid`, each before those it started. Empty where there is no `/proc`.
pub fn descendants(pid: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let number = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
        if let Some((number, stat)) = number.and_then(|number| Some((number, stat(number)?))) {
            children.entry(stat.parent).or_default().push(number);
        }
    }
    let mut found = vec![pid];
    let mut at = 0;
    while let Some(parent) = found.get(at) {
        found.extend(children.remove(parent).unwrap_or_default());
        at += 1;
    }
    found.split_off(1)
}
