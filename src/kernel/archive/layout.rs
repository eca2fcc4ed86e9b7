//! The strict survey of an untrusted zip: both sets of headers read, compared, and every byte accounted for.

use crate::kernel::archive::source::Source;
use crate::kernel::error::{Error, Result};
use std::collections::BTreeSet;

/// Most entries an archive may have.
pub const MAX_ENTRIES: usize = 4096;
const END_LEN: usize = 22;
const MAX_COMMENT: usize = 65_535;
const MAX_DIRECTORY: u32 = 4 << 20;
/// Most faults that are told one by one.
const LISTED: usize = 20;
/// Flags that do not change what an entry is: how hard it was compressed, a descriptor behind it, a UTF-8 name.
const FLAGS: u16 = 0x080e;
const DESCRIBED: u16 = 1 << 3;
const UTF8: u16 = 1 << 11;

/// One entry as both headers agree it is.
#[derive(Debug, Clone)]
pub struct Entry {
    pub name: String,
    pub compressed: u64,
    pub size: u64,
    /// CRC-32 of the content.
    pub crc: u32,
    /// Whether the data is deflated; otherwise it stands as it is.
    pub deflated: bool,
    /// Where the data starts in the archive.
    pub data_at: u64,
}

/// What the survey found: the entries in directory order, and everything that makes the archive ambiguous.
#[derive(Debug, Default)]
pub struct Layout {
    pub entries: Vec<Entry>,
    /// One line each; an archive with any is not to be read.
    pub faults: Vec<String>,
}

/// Surveys an archive. `Err` means it is no zip at all; ambiguities are listed in the layout.
pub fn survey(source: &Source) -> Result<Layout> {
    let end = find_end(source)?;
    let mut layout = Layout::default();
    if end.trailing > 0 {
        layout.faults.push(format!("{} bytes behind the archive", end.trailing));
    }
    if end.comment > 0 {
        layout.faults.push(format!("an archive comment of {} bytes", end.comment));
    }
    let directory_at = end.at.checked_sub(u64::from(end.directory_len)).ok_or_else(not_a_zip)?;
    let front = directory_at.checked_sub(u64::from(end.directory_at)).ok_or_else(not_a_zip)?;
    if front > 0 {
        layout.faults.push(format!("{front} bytes in front of the archive"));
    }
    let directory = source.slice(directory_at, end.directory_len as usize).ok_or_else(not_a_zip)?;
    let records = read_directory(&directory, end.count)?;
    let mut ranges = Vec::with_capacity(records.len());
    for record in &records {
        let place = local_place(source, record, front, &mut layout.faults)?;
        check_record(record, &mut layout.faults);
        ranges.push((place.start, place.end));
        layout.entries.push(Entry {
            name: record.name.clone(),
            compressed: record.compressed.into(),
            size: record.size.into(),
            crc: record.crc,
            deflated: record.method == 8,
            data_at: place.data,
        });
    }
    check_names(&records, &mut layout.faults);
    check_tiling(ranges, front, directory_at, &mut layout.faults);
    layout.faults.truncate(LISTED);
    Ok(layout)
}

fn not_a_zip() -> Error {
    Error::invalid("not a readable zip archive")
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).and_then(|b| b.try_into().ok()).map_or(0, u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes)
}

struct End {
    at: u64,
    trailing: u64,
    comment: u16,
    count: u16,
    directory_len: u32,
    directory_at: u32,
}

/// The last end-of-directory record whose comment fits into the file.
fn find_end(source: &Source) -> Result<End> {
    let window = source.len().min((END_LEN + MAX_COMMENT) as u64);
    let from = source.len() - window;
    let tail = source.slice(from, window as usize).ok_or_else(not_a_zip)?;
    for at in memchr::memmem::rfind_iter(&tail, b"PK\x05\x06") {
        let record = &tail[at..];
        let comment = u16_at(record, 20);
        if record.len() < END_LEN + usize::from(comment) {
            continue;
        }
        let (count, total) = (u16_at(record, 8), u16_at(record, 10));
        let (directory_len, directory_at) = (u32_at(record, 12), u32_at(record, 16));
        if u16_at(record, 4) != 0 || u16_at(record, 6) != 0 || count != total {
            return Err(Error::invalid("split zip archives are not supported"));
        }
        if count == u16::MAX || directory_len == u32::MAX || directory_at == u32::MAX {
            return Err(Error::invalid("zip64 archives are not supported"));
        }
        if directory_len > MAX_DIRECTORY || usize::from(count) > MAX_ENTRIES {
            return Err(Error::invalid(format!("the archive has more than {MAX_ENTRIES} entries")));
        }
        let locator = (from + at as u64).checked_sub(20).and_then(|at| source.slice(at, 4));
        if locator.is_some_and(|signature| signature == b"PK\x06\x07") {
            return Err(Error::invalid("zip64 archives are not supported"));
        }
        let trailing = (record.len() - END_LEN - usize::from(comment)) as u64;
        return Ok(End { at: from + at as u64, trailing, comment, count, directory_len, directory_at });
    }
    Err(not_a_zip())
}

struct Record {
    name: String,
    raw_name: Vec<u8>,
    /// The version of the format a reader has to know.
    needed: u16,
    flags: u16,
    method: u16,
    /// Date and time, which nothing depends on.
    time: u32,
    crc: u32,
    compressed: u32,
    size: u32,
    extra: Vec<u8>,
    comment: u16,
    disk: u16,
    attributes: u32,
    local_at: u32,
}

impl Record {
    /// The name for a message: quoted, escaped, not longer than a line.
    fn shown(&self) -> String {
        const LONGEST: usize = 60;
        let short: String = self.name.chars().take(LONGEST).collect();
        if short.len() < self.name.len() { format!("{short:?}...") } else { format!("{short:?}") }
    }
}

fn read_directory(directory: &[u8], count: u16) -> Result<Vec<Record>> {
    let mut records = Vec::with_capacity(count.into());
    let mut at = 0;
    while at < directory.len() {
        let head = directory.get(at..at + 46).filter(|h| h.starts_with(b"PK\x01\x02")).ok_or_else(not_a_zip)?;
        let (name_len, extra, comment) =
            (usize::from(u16_at(head, 28)), usize::from(u16_at(head, 30)), u16_at(head, 32));
        let names = at + 46;
        let extras = names + name_len;
        let raw_name = directory.get(names..extras).ok_or_else(not_a_zip)?.to_vec();
        records.push(Record {
            name: String::from_utf8_lossy(&raw_name).into_owned(),
            raw_name,
            needed: u16_at(head, 6),
            flags: u16_at(head, 8),
            method: u16_at(head, 10),
            time: u32_at(head, 12),
            crc: u32_at(head, 16),
            compressed: u32_at(head, 20),
            size: u32_at(head, 24),
            extra: directory.get(extras..extras + extra).ok_or_else(not_a_zip)?.to_vec(),
            comment,
            disk: u16_at(head, 34),
            attributes: u32_at(head, 38),
            local_at: u32_at(head, 42),
        });
        at = extras + extra + usize::from(comment);
    }
    if at != directory.len() || records.len() != usize::from(count) {
        return Err(not_a_zip());
    }
    Ok(records)
}

/// Where an entry stands: its local header, its data, and the end of both, descriptor included.
struct Place {
    start: u64,
    data: u64,
    end: u64,
}

/// Compares the local header with the directory's and finds the bytes the entry covers.
fn local_place(source: &Source, record: &Record, front: u64, faults: &mut Vec<String>) -> Result<Place> {
    let start = front + u64::from(record.local_at);
    let head = source.slice(start, 30).filter(|h| h.starts_with(b"PK\x03\x04")).ok_or_else(not_a_zip)?;
    let (name_len, extra_len) = (usize::from(u16_at(&head, 26)), usize::from(u16_at(&head, 28)));
    let name = source.slice(start + 30, name_len).ok_or_else(not_a_zip)?;
    let extra = source.slice(start + 30 + name_len as u64, extra_len).ok_or_else(not_a_zip)?;
    let described = record.flags & DESCRIBED != 0;
    let same = |value: u32, want: u32| value == want || (described && value == 0);
    if name != record.raw_name
        || u16_at(&head, 4) != record.needed
        || u16_at(&head, 6) != record.flags
        || u16_at(&head, 8) != record.method
        || u32_at(&head, 10) != record.time
        || !same(u32_at(&head, 14), record.crc)
        || !same(u32_at(&head, 18), record.compressed)
        || !same(u32_at(&head, 22), record.size)
    {
        faults.push(format!("local header of {} unlike the directory's", record.shown()));
    }
    if let Some(what) = bad_extra(&record.extra).or_else(|| bad_extra(&extra)) {
        faults.push(format!("{} has {what}", record.shown()));
    }
    let data = start + 30 + (name_len + extra_len) as u64;
    let end = data + u64::from(record.compressed);
    if end > source.len() {
        return Err(not_a_zip());
    }
    let end = if described { end + descriptor_len(source, end, record, faults) } else { end };
    Ok(Place { start, data, end })
}

/// What is wrong with a block of extra fields. Times and owners may stand there; anything else changes what the
/// entry is (another name, other sizes, encryption) for some readers, or hides bytes from all of them.
fn bad_extra(mut extra: &[u8]) -> Option<&'static str> {
    let mut seen = Vec::new();
    while !extra.is_empty() {
        let (id, length) = (u16_at(extra, 0), usize::from(u16_at(extra, 2)));
        if extra.len() < 4 + length || seen.contains(&id) {
            return Some("a damaged extra field");
        }
        let longest = match id {
            0x5455 => 13,
            0x000a => 32,
            0x5855 => 12,
            0x7855 => 4,
            0x7875 => 24,
            0x0001 => return Some("zip64 sizes"),
            0x6375 | 0x7075 => return Some("a second name or comment"),
            _ => return Some("an extra field that is neither times nor owner"),
        };
        if length > longest {
            return Some("a damaged extra field");
        }
        seen.push(id);
        extra = &extra[4 + length..];
    }
    None
}

/// Length of the data descriptor at `at`, which must repeat the directory's checksum and sizes.
fn descriptor_len(source: &Source, at: u64, record: &Record, faults: &mut Vec<String>) -> u64 {
    let want = [record.crc, record.compressed, record.size];
    let holds = |bytes: &[u8]| want.iter().enumerate().all(|(k, &value)| u32_at(bytes, k * 4) == value);
    if source.slice(at, 16).is_some_and(|b| b.starts_with(b"PK\x07\x08") && holds(&b[4..])) {
        return 16;
    }
    if !source.slice(at, 12).is_some_and(|b| holds(&b)) {
        faults.push(format!("data descriptor of {} unlike the directory", record.shown()));
    }
    12
}

fn check_record(record: &Record, faults: &mut Vec<String>) {
    const KIND: u32 = 0o170_000;
    const REGULAR: u32 = 0o100_000;
    const DOS_DIRECTORY: u32 = 0x10;
    let mut fault = |what: &str| faults.push(format!("{} {what}", record.shown()));
    if record.flags & 0x2041 != 0 {
        fault("is encrypted");
    } else if record.flags & !FLAGS != 0 {
        fault("has flags of another kind of archive");
    }
    if !matches!(record.method, 0 | 8) {
        fault("uses a compression method other than stored and deflate");
    }
    if record.method == 0 && record.compressed != record.size {
        fault("is stored with two different sizes");
    }
    if record.size == u32::MAX || record.compressed == u32::MAX || record.local_at == u32::MAX {
        fault("has zip64 sizes");
    }
    if record.disk != 0 {
        fault("is on another disk");
    }
    if record.comment != 0 {
        fault("has a comment");
    }
    let unix_kind = (record.attributes >> 16) & KIND;
    if (unix_kind != 0 && unix_kind != REGULAR) || record.attributes & DOS_DIRECTORY != 0 {
        fault("is a link, directory or special file");
    }
    if let Some(why) = bad_name(record) {
        fault(&format!("is a name that {why}"));
    }
}

fn bad_name(record: &Record) -> Option<&'static str> {
    let name = &record.name;
    if std::str::from_utf8(&record.raw_name).is_err() {
        return Some("is not UTF-8");
    }
    if !name.is_ascii() && record.flags & UTF8 == 0 {
        return Some("is not marked as UTF-8");
    }
    if name.is_empty() || name.ends_with('/') {
        return Some("is a directory's");
    }
    if name.starts_with('/') || name.as_bytes().get(1) == Some(&b':') {
        return Some("is absolute");
    }
    if name.contains('\\') || name.chars().any(char::is_control) {
        return Some("holds a forbidden character");
    }
    // Also `.` and `..`; some systems drop a final dot or space, and then the name is another's.
    let odd = |part: &str| part.is_empty() || part.ends_with(['.', ' ']);
    name.split('/').any(odd).then_some("has an empty part or one that ends in a dot or space")
}

/// Two names are one where some system would take them for one: whatever the case of their letters.
fn check_names(records: &[Record], faults: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    for record in records {
        if !seen.insert(record.name.to_uppercase().to_lowercase()) {
            faults.push(format!("{} stands in the archive twice (case aside)", record.shown()));
        }
    }
}

/// The entries must cover the bytes in front of the directory exactly: no gap, no overlap.
fn check_tiling(mut ranges: Vec<(u64, u64)>, front: u64, directory_at: u64, faults: &mut Vec<String>) {
    ranges.sort_unstable();
    let mut covered = front;
    for (start, end) in ranges {
        if start < covered {
            faults.push(format!("entries overlap at byte {start}"));
        } else if start > covered {
            faults.push(format!("{} bytes at {covered} belong to no entry", start - covered));
        }
        covered = covered.max(end);
    }
    if covered != directory_at {
        faults.push(format!("the entries end at byte {covered}, the directory starts at {directory_at}"));
    }
}
