//! A zip writer that can lie: every field of every header may be set by hand.

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};
use std::io::Write as _;

/// What a local and a central header both say about an entry.
#[derive(Clone)]
pub struct Head {
    /// The version of the format a reader has to know.
    pub needed: u16,
    pub flags: u16,
    pub method: u16,
    pub time: u32,
    pub crc: u32,
    pub packed: u32,
    pub size: u32,
    pub name: Vec<u8>,
    pub extra: Vec<u8>,
}

/// One entry; `local` or `central` may be absent.
#[derive(Clone)]
pub struct Item {
    /// Bytes in front of the local header that belong to nothing.
    pub gap: Vec<u8>,
    pub local: Option<Head>,
    /// The data as it stands in the archive.
    pub data: Vec<u8>,
    pub descriptor: Vec<u8>,
    pub central: Option<Head>,
    pub made_by: u16,
    pub attributes: u32,
    pub comment: Vec<u8>,
    pub disk: u16,
    /// Where the directory says the local header is, if not where it is.
    pub at: Option<u32>,
}

/// An archive in the making.
#[derive(Clone, Default)]
pub struct Zip {
    pub items: Vec<Item>,
    pub before_directory: Vec<u8>,
    pub after_directory: Vec<u8>,
    pub behind: Vec<u8>,
    pub comment: Vec<u8>,
    pub end: End,
}

/// What the end-of-directory record says, where it is not the truth.
#[derive(Clone, Default)]
pub struct End {
    pub disk: u16,
    pub count: Option<u16>,
    pub len: Option<u32>,
    pub at: Option<u32>,
}

pub fn crc(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

pub fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

impl Item {
    fn new(name: &str, content: &[u8], method: u16, data: Vec<u8>) -> Self {
        let head = Head {
            needed: 0x14,
            flags: if name.is_ascii() { 0 } else { 1 << 11 },
            method,
            time: 0x0021_0000,
            crc: crc(content),
            packed: data.len() as u32,
            size: content.len() as u32,
            name: name.as_bytes().to_vec(),
            extra: Vec::new(),
        };
        Self {
            gap: Vec::new(),
            local: Some(head.clone()),
            data,
            descriptor: Vec::new(),
            central: Some(head),
            made_by: 0x0314,
            attributes: 0o100_644 << 16,
            comment: Vec::new(),
            disk: 0,
            at: None,
        }
    }

    pub fn stored(name: &str, content: &[u8]) -> Self {
        Self::new(name, content, 0, content.to_vec())
    }

    pub fn deflated(name: &str, content: &[u8]) -> Self {
        Self::new(name, content, 8, deflate(content))
    }

    /// Changes both headers alike.
    pub fn both(&mut self, change: impl Fn(&mut Head)) {
        self.local.iter_mut().chain(&mut self.central).for_each(change);
    }

    pub fn local(&mut self, change: impl Fn(&mut Head)) {
        self.local.iter_mut().for_each(change);
    }

    pub fn central(&mut self, change: impl Fn(&mut Head)) {
        self.central.iter_mut().for_each(change);
    }

    /// Moves checksum and sizes behind the data, as writers do that cannot seek.
    pub fn described(&mut self, signed: bool) {
        self.both(|head| head.flags |= 8);
        if let Some(head) = &mut self.local {
            if signed {
                self.descriptor.extend_from_slice(b"PK\x07\x08");
            }
            for value in [head.crc, head.packed, head.size] {
                self.descriptor.extend_from_slice(&value.to_le_bytes());
            }
            (head.crc, head.packed, head.size) = (0, 0, 0);
        }
    }
}

impl Head {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.needed.to_le_bytes());
        out.extend_from_slice(&self.flags.to_le_bytes());
        out.extend_from_slice(&self.method.to_le_bytes());
        for value in [self.time, self.crc, self.packed, self.size] {
            out.extend_from_slice(&value.to_le_bytes());
        }
        out.extend_from_slice(&(self.name.len() as u16).to_le_bytes());
        out.extend_from_slice(&(self.extra.len() as u16).to_le_bytes());
    }
}

impl Zip {
    pub fn of(items: Vec<Item>) -> Self {
        Self { items, ..Self::default() }
    }

    pub fn item(&mut self, name: &str) -> &mut Item {
        let named = |head: &Option<Head>| head.as_ref().is_some_and(|head| head.name == name.as_bytes());
        self.items.iter_mut().find(|item| named(&item.local) || named(&item.central)).unwrap()
    }

    pub fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut directory = Vec::new();
        let mut count = 0u16;
        for item in &self.items {
            out.extend_from_slice(&item.gap);
            let at = out.len() as u32;
            if let Some(head) = &item.local {
                out.extend_from_slice(b"PK\x03\x04");
                head.write(&mut out);
                for part in [&head.name, &head.extra, &item.data, &item.descriptor] {
                    out.extend_from_slice(part);
                }
            }
            if let Some(head) = &item.central {
                count += 1;
                directory.extend_from_slice(b"PK\x01\x02");
                directory.extend_from_slice(&item.made_by.to_le_bytes());
                head.write(&mut directory);
                directory.extend_from_slice(&(item.comment.len() as u16).to_le_bytes());
                directory.extend_from_slice(&item.disk.to_le_bytes());
                directory.extend_from_slice(&[0, 0]);
                directory.extend_from_slice(&item.attributes.to_le_bytes());
                directory.extend_from_slice(&item.at.unwrap_or(at).to_le_bytes());
                for part in [&head.name, &head.extra, &item.comment] {
                    directory.extend_from_slice(part);
                }
            }
        }
        out.extend_from_slice(&self.before_directory);
        let at = out.len() as u32;
        out.extend_from_slice(&directory);
        out.extend_from_slice(&self.after_directory);
        let count = self.end.count.unwrap_or(count);
        out.extend_from_slice(&end(
            self.end.disk,
            count,
            self.end.len.unwrap_or(directory.len() as u32),
            self.end.at.unwrap_or(at),
        ));
        out.extend_from_slice(&(self.comment.len() as u16).to_le_bytes());
        out.extend_from_slice(&self.comment);
        out.extend_from_slice(&self.behind);
        out
    }
}

/// An end-of-directory record up to its comment's length.
pub fn end(disk: u16, count: u16, len: u32, at: u32) -> Vec<u8> {
    let mut out = b"PK\x05\x06".to_vec();
    for value in [disk, disk, count, count] {
        out.extend_from_slice(&value.to_le_bytes());
    }
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(&at.to_le_bytes());
    out
}

/// An extra field.
pub fn extra(id: u16, data: &[u8]) -> Vec<u8> {
    let mut out = id.to_le_bytes().to_vec();
    out.extend_from_slice(&(data.len() as u16).to_le_bytes());
    out.extend_from_slice(data);
    out
}
