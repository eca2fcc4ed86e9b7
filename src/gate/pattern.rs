//! Patterns for paths and domains, and what a value may stand for when it is compared with them.
//!
//! An ambiguity is resolved against the call: what is allowed has to be allowed in every reading of the value, what is
//! denied is denied in any.

use crate::gate::domain;
use crate::gate::target::Target;
use crate::kernel::fs;
use serde::{Serialize, Serializer};

/// A path pattern: the text itself, a folder and all below it (`/srv/**`), or a glob within one segment each.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pattern(String);

impl Pattern {
    /// A pattern; what is malformed is `None`.
    pub fn new(text: &str) -> Option<Self> {
        let well = text.ends_with("/**") || well_formed(text);
        well.then(|| Self(text.to_owned()))
    }

    pub fn text(&self) -> &str {
        &self.0
    }

    /// Whether a folder pattern takes in all of another.
    pub fn holds_all_of(&self, folder: &Pattern) -> bool {
        self.path(folder.0.trim_end_matches("/**"), false)
    }

    fn path(&self, value: &str, crossing: bool) -> bool {
        if value == self.0 {
            return true;
        }
        match self.0.strip_suffix("/**") {
            Some(folder) => {
                let below = value.strip_prefix(folder);
                below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }
            None => glob(&self.0, value, crossing),
        }
    }

    /// Whether a name is the pattern's text or fits it as a glob.
    pub fn is_like(&self, name: &str) -> bool {
        name == self.0 || glob(&self.0, name, true)
    }

    /// Whether a host fits; a final dot of the pattern and brackets around an address say nothing.
    fn domain(&self, value: &str) -> bool {
        let own = self.0.strip_suffix('.').unwrap_or(&self.0);
        let address = own.strip_prefix('[').and_then(|inside| inside.strip_suffix(']')).unwrap_or(own);
        if value == own || address.contains(':') && domain::is_same_address(address, value) {
            return true;
        }
        match own.strip_prefix('*').filter(|suffix| suffix.starts_with('.')) {
            Some(suffix) if !suffix.contains(['*', '?', '[', '\\']) => value.ends_with(suffix),
            _ => glob(own, value, true),
        }
    }

    /// Whether a path that only begins with dots fits as something allowed: a wildcard stands for no `.` and no `..`.
    fn allows(&self, value: &str) -> bool {
        let dots = || matches!(value.split('/').next(), Some("." | ".."));
        self.path(value, false) && (!dots() || self.0.starts_with('.'))
    }

    /// The same for a path as it is spelled, where that is no other place than `cleaned`.
    fn allows_spelling(&self, raw: &str, cleaned: &str) -> bool {
        let bare = raw.strip_prefix("./").unwrap_or(raw);
        let same = bare == cleaned || self.0.ends_with('/') && bare.strip_suffix('/') == Some(cleaned);
        same && self.allows(raw)
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// Layers of escapes that are taken off a path, and different texts of one layer that are looked at.
const LAYERS: usize = 8;
const TEXTS: usize = 8;

/// A path and what it may mean once a program has cleaned, decoded or translated it.
#[derive(Debug)]
pub struct PathReadings {
    /// As it is spelled, where that is not the cleaned form.
    raw: Option<String>,
    cleaned: String,
    /// Further readings: `\` as `/`, `%2f` decoded, segments of dots and blanks as `..`.
    further: Vec<String>,
    /// Readings in the same folder that only a denial looks at: cut at a NUL, names without what follows `:` and
    /// without final dots and blanks.
    lax: Vec<String>,
    /// It holds a character that ends or splits a path for some programs, or a segment that some take for `..`: the one
    /// or the other reading of each is more than can be tried.
    broken: bool,
    /// There are more readings than were looked at: it is allowed nowhere, and denied wherever something is.
    boundless: bool,
}

impl PathReadings {
    pub fn of(value: &str) -> Self {
        let (mut further, mut lax) = (Vec::new(), Vec::new());
        let (mut broken, mut boundless) = (false, false);
        let mut texts = vec![value.to_owned()];
        for _ in 0..LAYERS {
            let mut decoded: Vec<String> = Vec::new();
            for text in &texts {
                broken |= text.contains(|c: char| c.is_control() || c == char::REPLACEMENT_CHARACTER);
                // To some `\` is a separator, to others a character.
                let slashed = Some(text.replace('\\', "/")).filter(|slashed| slashed != text);
                for view in [Some(text), slashed.as_ref()].into_iter().flatten() {
                    further.push(clean(view));
                    for likes in [is_dots_and_blanks, is_two_dots_between_blanks] {
                        further.push(clean(&climbing(view, likes)));
                    }
                    broken |= view.split('/').any(|segment| is_dots_and_blanks(segment) && segment != "..");
                    // Blanks at the end are gone from a value; with one, this was a name like any other.
                    further.extend(view.strip_suffix("/..").map(clean));
                    lax.push(clean(&bare(view.split('\0').next().unwrap_or_default())));
                    // Some clean a path before they take a layer of escapes off, some after.
                    for text in [decode(view), decode(&clean(view))].into_iter().flatten() {
                        if !decoded.contains(&text) {
                            decoded.push(text);
                        }
                    }
                }
            }
            boundless |= decoded.len() > TEXTS;
            decoded.truncate(TEXTS);
            texts = decoded;
        }
        boundless |= !texts.is_empty();
        let cleaned = clean(value);
        for readings in [&mut further, &mut lax] {
            readings.sort_unstable();
            readings.dedup();
            readings.retain(|reading| *reading != cleaned);
        }
        let raw = (value != cleaned).then(|| value.to_owned());
        Self { raw, cleaned, further, lax, broken, boundless }
    }

    /// Whether every reading fits one of the patterns.
    pub fn all<'p>(&self, patterns: impl IntoIterator<Item = &'p Pattern> + Clone) -> bool {
        let fits = |value: &str| patterns.clone().into_iter().any(|pattern| pattern.allows(value));
        let spelled =
            |raw: &String| patterns.clone().into_iter().any(|pattern| pattern.allows_spelling(raw, &self.cleaned));
        let itself = || fits(&self.cleaned) || self.raw.as_ref().is_some_and(spelled);
        !self.broken && !self.boundless && itself() && self.further.iter().all(|value| fits(value))
    }

    /// Whether any reading fits one of the patterns.
    pub fn any<'p>(&self, patterns: impl IntoIterator<Item = &'p Pattern> + Clone) -> bool {
        let fits = |value: &str| patterns.clone().into_iter().any(|pattern| pattern.path(value, true));
        let mut others = self.raw.iter().chain(&self.further).chain(&self.lax);
        let some = || patterns.clone().into_iter().next().is_some();
        fits(&self.cleaned) || others.any(|value| fits(value)) || self.boundless && some()
    }
}

fn clean(value: &str) -> String {
    fs::clean(value).into_string()
}

/// Each name without a stream behind `:` and without final dots and blanks, as some systems take it.
fn bare(value: &str) -> String {
    let name = |name: &str| {
        let whole = name.find(':').filter(|at| *at > 1).map_or(name, |at| &name[..at]);
        if whole.starts_with('.') { whole.to_owned() } else { whole.trim_end_matches(['.', ' ']).to_owned() }
    };
    value.split('/').map(name).collect::<Vec<_>>().join("/")
}

/// The path with each segment as `..` that a system may take for it.
fn climbing(value: &str, likes: fn(&str) -> bool) -> String {
    value.split('/').map(|segment| if likes(segment) { ".." } else { segment }).collect::<Vec<_>>().join("/")
}

/// Two dots at least, and blanks; some readers drop what follows a `;`.
fn is_dots_and_blanks(segment: &str) -> bool {
    let name = segment.split(';').next().unwrap_or_default();
    name.chars().all(|c| c == '.' || c == ' ') && name.matches('.').count() > 1
}

fn is_two_dots_between_blanks(segment: &str) -> bool {
    segment.trim_matches(' ') == ".."
}

/// One layer of percent escapes resolved; `None` when there is none.
fn decode(value: &str) -> Option<String> {
    let bytes = value.as_bytes();
    let (mut out, mut at, mut found) = (Vec::with_capacity(bytes.len()), 0, false);
    while let Some(&byte) = bytes.get(at) {
        let digits =
            value.get(at + 1..at + 3).filter(|digits| byte == b'%' && digits.bytes().all(|b| b.is_ascii_hexdigit()));
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(decoded) => {
                found = true;
                out.push(decoded);
                at += 3;
            }
            None => {
                out.push(byte);
                at += 1;
            }
        }
    }
    found.then(|| String::from_utf8_lossy(&out).into_owned())
}

/// Whether every host a target may lead to fits one of the patterns. A URL or host without a domain fits none.
pub fn domain_allowed(target: &Target, patterns: &[Pattern]) -> bool {
    let fits = |host: &String| {
        let exact = patterns.iter().any(|pattern| pattern.0 == *host);
        exact || domain::is_plain(host) && patterns.iter().any(|pattern| pattern.domain(host))
    };
    let nameless = target.endpoint_domain.is_empty() && !domain::is_bare_address(&target.value);
    if !leads_out(target) {
        return fits(&target.endpoint_domain);
    }
    let hosts = domain::read_as(&target.value);
    let stated = target.endpoint_domain != domain::inferred(&target.kind, &target.value);
    !nameless && !hosts.is_empty() && hosts.iter().all(fits) && (!stated || fits(&target.endpoint_domain))
}

/// Whether any host a target may lead to fits one of the patterns.
pub fn domain_denied(target: &Target, patterns: &[Pattern]) -> bool {
    let fits = |host: &String| patterns.iter().any(|pattern| pattern.domain(host));
    domain::variants(&target.endpoint_domain).iter().any(fits)
        || leads_out(target)
            && (domain::is_overlong(&target.value) || domain::possibly_read_as(&target.value).iter().any(fits))
}

/// Whether domain rules speak about a target at all.
pub fn has_domain(target: &Target) -> bool {
    leads_out(target) || !target.endpoint_domain.is_empty()
}

fn leads_out(target: &Target) -> bool {
    matches!(target.kind.as_str(), "host" | "url")
}

/// `*` any run without `/`, `?` one character but `/`, `[a-z]` and `[^a-z]` classes, `\x` the character itself.
/// `crossing`: a class may also stand for `/`. A malformed pattern fits nothing.
fn glob(pattern: &str, value: &str, crossing: bool) -> bool {
    // Most patterns fail in what stands before their first special character.
    let special = pattern.bytes().position(|b| matches!(b, b'*' | b'?' | b'[' | b'\\'));
    let (literal, pattern) = pattern.split_at(special.unwrap_or(pattern.len()));
    let Some(value) = value.strip_prefix(literal) else { return false };
    let pattern: Vec<char> = pattern.chars().collect();
    let value: Vec<char> = value.chars().collect();
    let (mut p, mut v) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while v < value.len() || p < pattern.len() {
        if pattern.get(p) == Some(&'*') {
            star = Some((p + 1, v));
            p += 1;
            continue;
        }
        if let Some((next, true)) = step(&pattern, p, value.get(v).copied(), crossing) {
            (p, v) = (next, v + 1);
            continue;
        }
        // Give the last star one character more.
        match star {
            Some((after, from)) if value.get(from).is_some_and(|c| *c != '/') => {
                star = Some((after, from + 1));
                (p, v) = (after, from + 1);
            }
            _ => return false,
        }
    }
    true
}

/// One element of a pattern at `p` against one character: where the next element begins, and whether it fits. `None`
/// where the pattern ends or is malformed.
fn step(pattern: &[char], p: usize, c: Option<char>, crossing: bool) -> Option<(usize, bool)> {
    match *pattern.get(p)? {
        '?' => Some((p + 1, c.is_some_and(|c| c != '/'))),
        '\\' => Some((p + 2, c == Some(*pattern.get(p + 1)?))),
        '[' => class(pattern, p + 1, c, crossing),
        literal => Some((p + 1, c == Some(literal))),
    }
}

fn class(pattern: &[char], mut p: usize, c: Option<char>, crossing: bool) -> Option<(usize, bool)> {
    let negated = pattern.get(p) == Some(&'^');
    p += usize::from(negated);
    let bound = |p: usize| match *pattern.get(p)? {
        '\\' => Some((*pattern.get(p + 1)?, p + 2)),
        '-' | ']' => None,
        plain => Some((plain, p + 1)),
    };
    let (mut hit, mut ranges) = (false, 0);
    while pattern.get(p) != Some(&']') || ranges == 0 {
        let (low, next) = bound(p)?;
        let (high, next) = if pattern.get(next) == Some(&'-') { bound(next + 1)? } else { (low, next) };
        hit |= c.is_some_and(|c| low <= c && c <= high);
        ranges += 1;
        p = next;
    }
    Some((p + 1, c.is_some_and(|c| hit != negated && (crossing || c != '/'))))
}

/// Whether a glob can fit anything at all.
fn well_formed(pattern: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let mut p = 0;
    while p < pattern.len() {
        if pattern[p] == '*' {
            p += 1;
            continue;
        }
        match step(&pattern, p, None, false) {
            Some((next, _)) => p = next,
            None => return false,
        }
    }
    true
}
