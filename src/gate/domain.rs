//! Which host a target names: as the digest has it, and as whoever opens the connection may read it.

use crate::gate::text;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The domain that belongs to a target's digest; empty where there is none.
pub fn inferred(kind: &str, value: &str) -> String {
    match kind {
        "host" => {
            let rest = value.strip_prefix("http://").unwrap_or(value);
            let rest = rest.strip_prefix("https://").unwrap_or(rest);
            let rest = rest.split('/').next().unwrap_or_default();
            text::lower(rest.split(':').next().unwrap_or_default())
        }
        "url" => hostname(value).map(|host| text::lower(&host)).unwrap_or_default(),
        _ => String::new(),
    }
}

/// The host of a URL; `None` when it does not parse or has none.
fn hostname(url: &str) -> Option<String> {
    let (before, fragment) = url.split_once('#').unwrap_or((url, ""));
    if before.bytes().any(|b| b < 0x20 || b == 0x7f) {
        return None;
    }
    let (scheme, rest) = scheme(before)?;
    let rest = rest.split('?').next().unwrap_or_default();
    let inner = rest.strip_prefix("//").filter(|_| scheme.is_some() || !rest.starts_with("///"))?;
    let (authority, path) = inner.split_at(inner.find('/').unwrap_or(inner.len()));
    let host = match authority.rsplit_once('@') {
        None => authority,
        Some((user, host)) => {
            let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%@:".contains(&b);
            if !user.bytes().all(allowed) || !escaped(user) {
                return None;
            }
            host
        }
    };
    let host = decoded_host(host, scheme.as_deref().unwrap_or_default())?;
    (escaped(path) && escaped(fragment)).then_some(host)
}

/// The scheme in lower case, if there is one, and what follows it.
fn scheme(text: &str) -> Option<(Option<String>, &str)> {
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if at > 0 => {}
            b':' if at == 0 => return None,
            b':' => return Some((Some(text[..at].to_ascii_lowercase()), &text[at + 1..])),
            _ => break,
        }
    }
    Some((None, text))
}

/// Whether every `%` begins an escape.
fn escaped(text: &str) -> bool {
    let bytes = text.as_bytes();
    let hex = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    memchr::memchr_iter(b'%', bytes).all(|at| hex(at + 1) && hex(at + 2))
}

/// `text` with its escapes resolved where `legal` says the byte may be spelled so; `None` where one may not.
fn unescape(text: &str, legal: impl Fn(u8) -> bool) -> Option<String> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if byte != b'%' {
            out.push(byte);
            at += 1;
            continue;
        }
        let digits = text.get(at + 1..at + 3).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
        let value = u8::from_str_radix(digits, 16).ok().filter(|value| legal(*value))?;
        out.push(value);
        at += 3;
    }
    Some(String::from_utf8_lossy(&out).into_owned())
}

fn host_byte(byte: u8) -> bool {
    byte >= 0x80 || byte.is_ascii_alphanumeric() || b"-_.~!$&'()*+,;=:[]<>\"".contains(&byte)
}

fn decoded_host(host: &str, scheme: &str) -> Option<String> {
    let port =
        |text: &str| text.is_empty() || text.strip_prefix(':').is_some_and(|p| p.bytes().all(|b| b.is_ascii_digit()));
    if let Some(open) = host.find('[') {
        if open > 0 {
            return None;
        }
        let close = host.rfind(']')?;
        let (inside, tail) = (&host[1..close], &host[close + 1..]);
        if !port(tail) {
            return None;
        }
        let (address, zone) = match inside.split_once("%25") {
            Some((address, zone)) => (address, Some(zone)),
            None => (inside, None),
        };
        address.parse::<Ipv6Addr>().ok()?;
        let Some(zone) = zone else { return Some(inside.to_owned()) };
        let legal = |byte: u8| byte == b'%' || byte == b' ' || host_byte(byte);
        let zone = unescape(zone, legal).filter(|zone| !zone.is_empty())?;
        return Some(format!("{address}%{zone}"));
    }
    let at = if matches!(scheme, "postgres" | "postgresql") { host.rfind(':') } else { host.find(':') };
    let (name, tail) = host.split_at(at.unwrap_or(host.len()));
    if !port(tail) {
        return None;
    }
    let decoded = unescape(host, |byte| byte >= 0x80 || byte == b'%')?;
    if !host.bytes().all(|byte| byte == b'%' || host_byte(byte)) {
        return None;
    }
    if tail.is_empty() {
        return Some(decoded);
    }
    unescape(name, |_| true)
}

/// The hosts that readers of URLs may take out of a target's value, in lower case, without port, user and final dot;
/// an address in each of its usual spellings. Empty when the value names none that all of them can read.
pub fn read_as(value: &str) -> Vec<String> {
    let mut hosts = Vec::new();
    if value.bytes().any(|b| b < 0x20 || b == 0x7f) {
        return hosts;
    }
    // A browser takes `\` for `/`; others end the authority at `/`, `?` and `#` only.
    for ends in [&['/', '\\', '?', '#'][..], &['/', '?', '#'][..]] {
        let rest = match value.split_once(':') {
            Some((scheme, rest)) if SPECIAL.contains(&text::lower(scheme).as_str()) => rest,
            Some((scheme, rest)) if rest.starts_with("//") && !scheme.contains(ends) => rest,
            _ => value,
        };
        let rest = rest.trim_start_matches(ends);
        let authority = &rest[..rest.find(ends).unwrap_or(rest.len())];
        // Not all readers agree which `@` ends the user, or whether an escape inside it ends the host.
        let (user, named) = authority.split_once('@').unwrap_or(("", authority));
        let user = unescape(user, |_| true).unwrap_or_default();
        let ended = user.find(ends).map(|at| &user[..at]);
        for host in named.split('@').chain(ended) {
            let Some(names) = layers(host) else { return Vec::new() };
            hosts.extend(names);
        }
    }
    for host in &mut hosts {
        if host.ends_with('.') {
            host.pop();
        }
        if let Some(same) = six(host) {
            *host = same;
        }
    }
    let addresses: Vec<String> = hosts.iter().filter_map(|host| address(host)).collect();
    hosts.extend(addresses);
    hosts.sort_unstable();
    hosts.dedup();
    hosts
}

/// A host without its port, in lower case, with each layer of escapes off; `None` where there is no end of layers.
fn layers(host: &str) -> Option<Vec<String>> {
    let host = match host.strip_prefix('[').and_then(|inside| inside.split_once(']')) {
        Some((address, _)) => address,
        // Several colons without brackets: an IPv6 address as a target of kind host may have it.
        None if host.matches(':').count() > 1 => host,
        None => host.split(':').next().unwrap_or_default(),
    };
    let mut names = vec![text::lower(host)];
    for _ in 0..LAYERS {
        let last = names.last().map(String::as_str).unwrap_or_default();
        match unescape(last, |_| true).filter(|decoded| decoded != last) {
            Some(decoded) => names.push(text::lower(&decoded)),
            None => return Some(names),
        }
    }
    None
}

/// More escapes inside escapes than anybody takes off.
const LAYERS: usize = 8;

/// The hosts of [`read_as`], and those that a lax reader may take: one that drops control characters, follows a scheme
/// inside a scheme, or takes escapes off before it looks for the host. For denials only.
pub fn possibly_read_as(value: &str) -> Vec<String> {
    let mut hosts = Vec::new();
    let mut rest = head(value);
    for _ in 0..LAYERS {
        let mut text = rest.to_owned();
        for _ in 0..LAYERS {
            let cut = text.replace(|c: char| c.is_control(), " ");
            text.retain(|c| !c.is_control());
            let read = [cut.trim(), &text].map(read_as);
            hosts.extend(read.iter().flatten().flat_map(|host| variants(host)));
            match unescape(&text, |_| true).filter(|decoded| *decoded != text) {
                Some(decoded) => text = decoded,
                None => break,
            }
        }
        match rest.split_once(':') {
            Some((_, inner)) if !inner.starts_with('/') && inner.contains("://") => rest = inner,
            _ => break,
        }
    }
    hosts
}

/// Whether a value names a host so long that no reader takes it whole, and so none may be trusted to.
pub fn is_overlong(value: &str) -> bool {
    let rest = head(value).split_once("://").map_or(head(value), |(_, rest)| rest);
    value.len() > LONGEST && !rest.contains(['/', '\\', '?', '#'])
}

/// More bytes than any host and what stands before it have.
const LONGEST: usize = 1 << 14;

fn head(value: &str) -> &str {
    &value[..value.floor_char_boundary(LONGEST)]
}

/// A host, and what a lax resolver may take it for: cut at the first character that is none of a name's, with Unicode
/// mapped to what is registered and back, without final dots, an IPv4 address out of an IPv6 one.
pub fn variants(host: &str) -> Vec<String> {
    let odd = |c: char| c.is_ascii() && !c.is_ascii_alphanumeric() && !"-_.:".contains(c);
    let cut = &host[..host.find(odd).unwrap_or(host.len())];
    let mut out: Vec<String> = [host, cut].map(|name| name.trim_end_matches('.').to_owned()).into();
    if !is_bare_address(cut) {
        out.push(cut.split(':').next().unwrap_or_default().to_owned());
    }
    for name in out.clone() {
        if !name.is_ascii() || name.contains("xn--") {
            out.extend(idna::domain_to_ascii(&name.replace(['\u{200c}', '\u{200d}'], "")));
            out.push(idna::domain_to_unicode(&name).0);
        }
    }
    let addresses: Vec<String> = out.iter().filter_map(|name| address(name).or_else(|| embedded(name))).collect();
    out.extend(addresses);
    out
}

/// The IPv4 address inside an IPv6 one that a translator turns it into.
fn embedded(host: &str) -> Option<String> {
    let six = host.parse::<Ipv6Addr>().ok()?;
    let [a, b, c, d, e, f, high, low] = six.segments();
    let translated = matches!([a, b, c, d, e, f], [0x64, 0xff9b, 0, 0, 0, 0] | [0, 0, 0, 0, 0, 0]) && high != 0;
    translated.then(|| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)).to_string())
}

/// Schemes whose URLs name a host however many slashes follow.
const SPECIAL: [&str; 5] = ["http", "https", "ws", "wss", "ftp"];

/// The usual spelling of an IPv6 address; of an IPv4 address inside one, that.
fn six(host: &str) -> Option<String> {
    let six = host.parse::<Ipv6Addr>().ok()?;
    Some(six.to_ipv4_mapped().map_or_else(|| six.to_string(), |four| four.to_string()))
}

/// Whether two texts spell the same IPv6 address.
pub fn is_same_address(a: &str, b: &str) -> bool {
    six(a).is_some_and(|a| a == b || Some(a) == six(b))
}

/// Whether a value is an IPv6 address and nothing else.
pub fn is_bare_address(value: &str) -> bool {
    value.parse::<Ipv6Addr>().is_ok()
}

/// The usual spelling of an IPv4 address in numbers of any base and count, or of an IPv6 address with a zone.
fn address(host: &str) -> Option<String> {
    if let Some((bare, _)) = host.split_once('%') {
        return six(bare);
    }
    let parts: Vec<u64> = host.split('.').map(number).collect::<Option<_>>()?;
    let (last, front) = parts.split_last()?;
    let room = 8 * (4_u32.checked_sub(front.len() as u32)?);
    if front.iter().any(|part| *part > 255) || *last >= 1 << room {
        return None;
    }
    let high = front.iter().enumerate().fold(0, |sum, (at, part)| sum | part << (24 - 8 * at));
    Some(Ipv4Addr::from(u32::try_from(high | last).ok()?).to_string())
}

fn number(text: &str) -> Option<u64> {
    match text.as_bytes() {
        [b'0', b'x', ..] => u64::from_str_radix(&text[2..], 16).ok(),
        [b'0', _, ..] => u64::from_str_radix(&text[1..], 8).ok(),
        [b'0'..=b'9', ..] => text.parse().ok(),
        _ => None,
    }
}

/// Whether a host is spelled so that every resolver takes it for the same: plain labels, or an address.
pub fn is_plain(host: &str) -> bool {
    let label =
        |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    host.parse::<Ipv6Addr>().is_ok() || host.split('.').all(label)
}
