//! The house rules that the compiler does not know: floors, circles, file shapes, forbidden words.
//!
//! Every rule is a function from files to complaints (`file:line: rule`), and has a test that it can fail.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// A room imports from lower floors and from itself, from nowhere else.
const FLOORS: &[(&str, u8)] = &[
    ("main", 8),
    ("cli", 7),
    ("action", 6),
    ("ui", 6),
    ("regress", 5),
    ("doctor", 4),
    ("evidence", 4),
    ("mcp", 4),
    ("scout", 4),
    ("session", 4),
    ("gate", 3),
    ("registry", 3),
    ("runpack", 3),
    ("config", 2),
    ("report", 2),
    ("sign", 2),
    ("kernel", 1),
];
const MOST_LINES: usize = 500;
const MOST_FACE_LINES: usize = 60;
const MOST_MAIN_LINES: usize = 15;

/// A file of the project: path from the root with `/`, and its text.
struct File {
    path: String,
    text: String,
}

type Complaints = Vec<String>;

impl File {
    fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    fn is_face(&self) -> bool {
        self.path == "src/lib.rs" || self.path.starts_with("src/") && self.path.ends_with("/mod.rs")
    }

    /// The room a source file stands in; `lib.rs` stands in none.
    fn room(&self) -> Option<&str> {
        let room = self.path.strip_prefix("src/")?.split('/').next()?.trim_end_matches(".rs");
        (room != "lib").then_some(room)
    }
}

/// Every text file people write, but not what tools make.
fn project() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut out, mut folders) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() && !["target", ".git"].contains(&name) {
                folders.push(path);
            } else if [".rs", ".md", ".toml", ".yml", ".yaml"].iter().any(|end| name.ends_with(end)) {
                let inside = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
                out.push(File { path: inside, text: fs::read_to_string(&path).unwrap() });
            }
        }
    }
    out.sort_by(|a, b| a.path.cmp(&b.path));
    out
}

/// `text` with comments and the inside of literals blanked; line breaks stay.
fn code(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let word = out.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let (length, keep) = match c {
            '/' if rest.starts_with("//") => (rest.find('\n').unwrap_or(rest.len()), false),
            '/' if rest.starts_with("/*") => (rest.find("*/").map_or(rest.len(), |end| end + 2), false),
            '"' => (plain_string(rest), false),
            'r' | 'b' if !word && raw_string(rest).is_some() => (raw_string(rest).unwrap(), false),
            '\'' => character(rest).map_or((1, true), |length| (length, false)),
            _ => (c.len_utf8(), true),
        };
        let (taken, left) = rest.split_at(length);
        if keep {
            out.push_str(taken);
        } else {
            out.push(' ');
            out.extend(taken.chars().filter(|c| *c == '\n'));
        }
        rest = left;
    }
    out
}

fn plain_string(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '"' if !escaped => return at + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

fn raw_string(text: &str) -> Option<usize> {
    let start = text.strip_prefix('b').unwrap_or(text).strip_prefix('r')?;
    let body = start.trim_start_matches('#').strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(start.len() - body.len() - 1));
    Some(body.find(&end).map_or(text.len(), |at| text.len() - body.len() + at + end.len()))
}

fn character(text: &str) -> Option<usize> {
    let mut chars = text.char_indices().skip(1);
    let (_, first) = chars.next()?;
    if first == '\\' {
        chars.next();
        return text.get(3..)?.find('\'').map(|at| at + 4);
    }
    chars.next().filter(|(_, c)| *c == '\'').map(|(at, _)| at + 1)
}

/// A path that starts at the crate, and the line it stands on.
struct Import {
    line: usize,
    path: Vec<String>,
}

/// Every `crate::a::b` (in `main.rs`: `gait::a::b`) of a file, groups spelled out.
fn imports(file: &File) -> Vec<Import> {
    let code = code(&file.text);
    let root = if file.path == "src/main.rs" { "gait::" } else { "crate::" };
    let mut out = Vec::new();
    for (at, _) in code.match_indices(root) {
        let before = &code[..at];
        if before.ends_with("in ") || before.ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let (mut paths, line) = (Vec::new(), before.matches('\n').count() + 1);
        tree(&code[at + root.len()..], Vec::new(), &mut paths);
        out.extend(paths.into_iter().map(|path| Import { line, path }));
    }
    out
}

/// Reads one use tree; gives what stands behind it.
fn tree<'a>(text: &'a str, mut path: Vec<String>, out: &mut Vec<Vec<String>>) -> &'a str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = rest.trim_start().trim_start_matches(',').trim_start();
            if rest.is_empty() || rest.starts_with('}') {
                return rest.strip_prefix('}').unwrap_or(rest);
            }
            let left = tree(rest, path.clone(), out);
            rest = if left.len() < rest.len() { left } else { "" };
        }
    }
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '*').unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    if !["self", "*", ""].contains(&word) {
        path.push(word.to_owned());
    }
    match rest.strip_prefix("::") {
        Some(next) if !next.starts_with('<') => tree(next, path, out),
        _ => {
            out.push(path);
            let renamed = rest.trim_start().strip_prefix("as ");
            renamed.map_or(rest, |name| name.trim_start().trim_start_matches(|c: char| c.is_alphanumeric() || c == '_'))
        }
    }
}

/// The file that holds `path`: the longest prefix that is a file.
fn holder(names: &BTreeSet<&str>, path: &[String]) -> Option<String> {
    (1..=path.len()).rev().find_map(|length| {
        let stem = format!("src/{}", path[..length].join("/"));
        [format!("{stem}.rs"), format!("{stem}/mod.rs")].into_iter().find(|name| names.contains(name.as_str()))
    })
}

fn floor(room: &str) -> Option<u8> {
    FLOORS.iter().find(|(name, _)| *name == room).map(|(_, floor)| *floor)
}

fn floors(files: &[File]) -> Complaints {
    let names: BTreeSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
    let mut out = Vec::new();
    for (file, room) in files.iter().filter_map(|file| Some((file, file.room()?))) {
        let path = &file.path;
        let Some(own) = floor(room) else {
            out.push(format!("{path}:1: room `{room}` stands on no floor"));
            continue;
        };
        for (at, _) in code(&file.text).match_indices("super::") {
            let line = code(&file.text)[..at].matches('\n').count() + 1;
            out.push(format!("{path}:{line}: `super::` hides where an import goes, write `crate::`"));
        }
        for Import { line, path: import } in imports(file) {
            let Some(target) = import.first() else {
                out.push(format!("{path}:{line}: imports the whole crate"));
                continue;
            };
            let own_face = holder(&names, &import).is_some_and(|name| name.ends_with("/mod.rs"));
            if target == room && own_face {
                out.push(format!("{path}:{line}: goes through its own face `{}`, name the file", import.join("::")));
            } else if target != room && floor(target).is_none_or(|floor| floor >= own) {
                out.push(format!("{path}:{line}: `{room}` (floor {own}) imports `{target}`, which is not below it"));
            }
        }
    }
    out
}

fn circles(files: &[File]) -> Complaints {
    let names: BTreeSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
    let mut edges: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
    for file in files.iter().filter(|file| file.room().is_some()) {
        let targets = edges.entry(file.path.clone()).or_default();
        for Import { line, path } in imports(file) {
            if let Some(name) = holder(&names, &path).filter(|name| *name != file.path) {
                targets.entry(name).or_insert(line);
            }
        }
    }
    let mut out = Vec::new();
    for (start, targets) in &edges {
        for (next, line) in targets {
            // Told once, at the first file of the circle.
            let way = way(&edges, next, start);
            if let Some(way) = way.filter(|way| way.iter().all(|name| start <= name)) {
                out.push(format!("{start}:{line}: imports in a circle: {start} -> {}", way.join(" -> ")));
            }
        }
    }
    out
}

/// The files on the shortest way from `from` to `to`, both included.
fn way(edges: &BTreeMap<String, BTreeMap<String, usize>>, from: &str, to: &str) -> Option<Vec<String>> {
    let mut ways = std::collections::VecDeque::from([vec![from.to_owned()]]);
    let mut seen = BTreeSet::from([from.to_owned()]);
    while let Some(way) = ways.pop_front() {
        let last = way.last()?;
        if last == to {
            return Some(way);
        }
        for next in edges.get(last).into_iter().flat_map(BTreeMap::keys) {
            if seen.insert(next.clone()) {
                ways.push_back(way.iter().cloned().chain([next.clone()]).collect());
            }
        }
    }
    None
}

fn openings(files: &[File]) -> Complaints {
    let closed = files.iter().filter(|file| file.is_rust() && !file.text.starts_with("//!"));
    closed.map(|file| format!("{}:1: a file opens with `//!` and says what it is for", file.path)).collect()
}

fn lengths(files: &[File]) -> Complaints {
    let mut out = Vec::new();
    for file in files.iter().filter(|file| file.is_rust()) {
        let lines = file.text.lines().count();
        if lines > MOST_LINES {
            out.push(format!("{}:{lines}: a file has at most {MOST_LINES} lines", file.path));
        }
        let code_lines = code(&file.text).lines().filter(|line| !line.trim().is_empty()).count();
        if file.path == "src/main.rs" && code_lines > MOST_MAIN_LINES {
            out.push(format!("{}:{lines}: main has at most {MOST_MAIN_LINES} lines of code", file.path));
        }
    }
    out
}

fn faces(files: &[File]) -> Complaints {
    let mut out = Vec::new();
    for file in files.iter().filter(|file| file.is_face()) {
        let lines = file.text.lines().count();
        if lines >= MOST_FACE_LINES {
            out.push(format!("{}:{lines}: a face has fewer than {MOST_FACE_LINES} lines", file.path));
        }
        for (at, line) in file.text.lines().enumerate() {
            let module = line.ends_with(';') && ["pub mod ", "mod "].iter().any(|start| line.starts_with(start));
            if !(line.is_empty() || line.starts_with("//!") || line.starts_with("#[cfg(") || module) {
                out.push(format!("{}:{}: a face holds docs and `mod` lines only", file.path, at + 1));
            }
        }
    }
    out
}

/// Where `words` stand in the code of the files that `applies` picks.
fn words(files: &[File], words: &[&str], applies: impl Fn(&File) -> bool, rule: &str) -> Complaints {
    let mut out = Vec::new();
    for file in files.iter().filter(|file| file.is_rust() && applies(file)) {
        for (at, line) in code(&file.text).lines().enumerate() {
            let found = words.iter().filter(|word| {
                line.match_indices(**word)
                    .any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
            });
            out.extend(found.map(|word| format!("{}:{}: `{word}`: {rule}", file.path, at + 1)));
        }
    }
    out
}

fn clocks(files: &[File]) -> Complaints {
    let clocks = ["SystemTime::now", "Instant::now", "Timestamp::now", "Zoned::now"];
    words(files, &clocks, |file| file.path != "src/kernel/clock.rs", "only kernel/clock tells the time")
}

fn prints(files: &[File]) -> Complaints {
    let printing = ["print!", "println!", "eprint!", "eprintln!", "dbg!", "io::stdout", "io::stderr"];
    let applies = |file: &File| file.room().is_some_and(|room| room != "cli");
    words(files, &printing, applies, "only cli prints")
}

fn outside(files: &[File]) -> Complaints {
    let places = [
        concat!("/wo", "rk/"),
        concat!("shared/", "design"),
        concat!("shared/", "contract"),
        concat!("shared/", "vectors"),
    ];
    let mut out = Vec::new();
    for file in files {
        for (at, line) in
            file.text.lines().enumerate().filter(|(_, line)| places.iter().any(|place| line.contains(place)))
        {
            out.push(format!("{}:{}: names a place outside the project: {}", file.path, at + 1, line.trim()));
        }
    }
    out
}

/// Every room's invariant and floor, word by word, in `docs/architecture.md`.
fn documented(files: &[File]) -> Complaints {
    let even = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let page = files.iter().find(|file| file.path == "docs/architecture.md").map_or("", |file| file.text.as_str());
    let mut out = Vec::new();
    for (room, floor) in FLOORS {
        let told =
            page.lines().any(|line| line.starts_with(&format!("| {floor} |")) && line.contains(&format!("`{room}`")));
        if !told {
            out.push(format!("docs/architecture.md:1: `{room}` is missing on floor {floor}"));
        }
    }
    let page = even(page);
    for file in files.iter().filter(|file| file.path.starts_with("src/")) {
        let single =
            file.path.matches('/').count() == 1 && !["src/lib.rs", "src/main.rs"].contains(&file.path.as_str());
        if !(single || file.is_face() && file.path != "src/lib.rs") {
            continue;
        }
        let header: Vec<&str> = file.text.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim).collect();
        let lines =
            header.iter().skip_while(|line| !line.starts_with("**Invariant:**")).take_while(|line| !line.is_empty());
        let invariant = even(&lines.copied().collect::<Vec<_>>().join(" "));
        if invariant.is_empty() {
            out.push(format!("{}:1: a room's header has an **Invariant:** line", file.path));
        } else if !page.contains(&invariant) {
            out.push(format!("{}:1: docs/architecture.md lacks: {invariant}", file.path));
        }
    }
    out
}

/// A rule, and samples it must complain about.
type Rule = (fn(&[File]) -> Complaints, &'static [&'static [(&'static str, &'static str)]]);

const RULES: &[Rule] = &[
    (
        floors,
        &[
            &[("src/sign/key.rs", "use crate::runpack::model;")],
            &[("src/sign/key.rs", "use crate::{kernel::error::Result, report::model as m};")],
            &[("src/scout/log.rs", "fn f() { let x: crate::session::chain::Chain; }")],
            &[("src/report/json.rs", "use crate::report::Thing;"), ("src/report/mod.rs", "")],
            &[("src/report/json.rs", "use super::model;")],
            &[("src/attic/old.rs", "")],
            &[("src/kernel/fs.rs", "use crate::nowhere::x;")],
        ],
    ),
    (
        circles,
        &[&[
            ("src/kernel/a.rs", "use crate::kernel::{json::b::X, error};"),
            ("src/kernel/json/b.rs", "use crate::kernel::c::{self, Y as Z};"),
            ("src/kernel/c.rs", "fn f() { crate::kernel::a::go::<u8>() }"),
        ]],
    ),
    (openings, &[&[("tests/x.rs", "use std::fs;\n//! late")]]),
    (faces, &[&[("src/lib.rs", "//! Docs.\n\npub use kernel::error;")], &[("src/sign/mod.rs", "mod a;\nfn f() {}")]]),
    (clocks, &[&[("tests/x.rs", "fn f() { std::time::Instant::now(); }")]]),
    (prints, &[&[("src/report/json.rs", "fn f() { println!(); }")], &[("src/main.rs", "fn main() { eprintln!(); }")]]),
    (outside, &[&[("docs/x.md", concat!("see /wo", "rk/x"))]]),
    (
        documented,
        &[
            &[("src/sign/mod.rs", "//! Keys.\n//!\n//! **Invariant:** a key is\n//! never shown.\n")],
            &[("src/config.rs", "//! X.")],
        ],
    ),
];

#[test]
fn the_house_is_in_order() {
    let files = project();
    assert!(files.iter().any(|file| file.path == "src/lib.rs"));
    let mut complaints = lengths(&files);
    complaints.extend(RULES.iter().flat_map(|(rule, _)| rule(&files)));
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn every_rule_can_fail() {
    for (number, (rule, samples)) in RULES.iter().enumerate() {
        for sample in *samples {
            let files: Vec<File> = sample.iter().map(|(path, text)| File::new(path, text)).collect();
            let about = |text: &String| sample.iter().any(|(path, _)| text.starts_with(&format!("{path}:")));
            assert!(rule(&files).iter().any(about), "rule {number} lets {sample:?} pass");
        }
    }
    let long = File::new("src/kernel/a.rs", &"\n".repeat(MOST_LINES + 1));
    let main = File::new("src/main.rs", &"x;\n".repeat(MOST_MAIN_LINES + 1));
    let face = File::new("src/kernel/mod.rs", &"\n".repeat(MOST_FACE_LINES));
    assert_eq!((lengths(&[long, main]).len(), faces(&[face]).len()), (2, 1));
}

#[test]
fn comments_and_literals_are_not_code() {
    let text = "a /* crate::x */ 'b' '\\'' \"crate::y \\\" \" r#\"crate::\"z\"# br\"q\" 'life // crate::w\nend";
    assert_eq!(code(text).split_whitespace().collect::<Vec<_>>(), ["a", "'life", "end"]);
    let file =
        File::new("src/kernel/a.rs", "pub(in crate::kernel) fn f() {}\nuse crate::a::{b::{self, c as d}, e::*};");
    let found: Vec<String> = imports(&file).iter().map(|i| format!("{} {}", i.line, i.path.join("::"))).collect();
    assert_eq!(found, ["2 a::b", "2 a::b::c", "2 a::e"]);
}
