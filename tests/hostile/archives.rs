//! Archives that lie about themselves: bytes outside the entries, directories that are not the only ones, damage.

use crate::kind::{Kind, changed};
use crate::pack::Pack;
use crate::zip::{Item, Zip, crc, deflate, end};

pub fn kinds() -> Vec<Kind> {
    let mut kinds = hidden();
    kinds.extend(directories());
    kinds.extend(twins());
    kinds.extend(damage());
    kinds.extend(none());
    kinds
}

fn hidden() -> Vec<Kind> {
    let mut prefixed = b"#!/bin/sh\n".to_vec();
    prefixed.extend(changed(|_| {}).write());
    let mut kinds = vec![
        Kind::archive(
            "bytes-in-front",
            "bytes stand in front of the archive, offsets fixed up",
            "belong to no entry",
            |zip| {
                zip.items[0].gap = b"#!/bin/sh\n".to_vec();
            },
        ),
        Kind::archive("bytes-behind", "bytes stand behind the archive", "behind the archive", |zip| {
            zip.behind = b"more".to_vec()
        }),
        Kind::archive("bytes-between", "bytes stand between two entries", "belong to no entry", |zip| {
            zip.items[2].gap = b"hidden".to_vec();
        }),
        Kind::archive(
            "bytes-before-directory",
            "bytes stand between the entries and the directory",
            "the directory starts",
            |zip| {
                zip.before_directory = b"hidden".to_vec();
            },
        ),
        Kind::archive(
            "bytes-entry-hidden",
            "an entry stands in the archive and not in its directory",
            "belong to no entry",
            |zip| {
                let mut ghost = Item::stored("ghost.txt", b"boo");
                ghost.central = None;
                zip.items.insert(2, ghost);
            },
        ),
        Kind::archive(
            "bytes-behind-deflate",
            "bytes stand behind the end of an entry's deflate stream",
            "behind the end",
            |zip| {
                let item = zip.item("run.json");
                item.data.extend_from_slice(b"hidden");
                let packed = item.data.len() as u32;
                item.both(|head| head.packed = packed);
            },
        ),
        Kind::archive("archive-comment", "the archive has a comment", "archive comment", |zip| {
            zip.comment = b"hi".to_vec()
        }),
        Kind::archive("entry-comment", "an entry has a comment", "has a comment", |zip| {
            zip.items[0].comment = b"hi".to_vec()
        }),
        Kind::no_archive("bytes-after-directory", "bytes stand between the directory and its end", "zip", |zip| {
            zip.after_directory = b"hidden".to_vec();
        }),
    ];
    let mut shell = changed(|_| {});
    shell.items.truncate(0);
    let mut raw = Kind::fails(
        "bytes-in-front-raw",
        "bytes stand in front of the archive, offsets as they were",
        "in front of the archive",
        &shell,
    );
    raw.bytes = prefixed;
    kinds.push(raw);
    kinds
}

fn directories() -> Vec<Kind> {
    let sound = changed(|_| {}).write();
    let mut two_ends = sound.clone();
    two_ends.extend_from_slice(&sound[sound.len() - 22..]);
    let inner = Pack::with("run.json", "linux", "plan9").zip().write();
    let mut appended = sound.clone();
    appended.extend_from_slice(&inner);
    vec![
        Kind::archive("end-in-comment", "a second end of directory is hidden in the comment", "in front", |zip| {
            zip.comment = end(0, 0, 0, 0);
            zip.comment.extend_from_slice(&[0, 0]);
        }),
        Kind::archive("archive-in-comment", "a whole other archive is hidden in the comment", "in front", |zip| {
            zip.comment.clone_from(&inner);
        }),
        Kind::invalid("two-ends", "two ends of directory stand behind each other", "zip", two_ends),
        fails_bytes("two-archives", "two archives stand behind each other", "in front of the archive", appended),
        Kind::no_archive("count-low", "the end of directory counts one entry less", "zip", |zip| {
            zip.end.count = Some(4)
        }),
        Kind::no_archive("count-high", "the end of directory counts one entry more", "zip", |zip| {
            zip.end.count = Some(6)
        }),
        Kind::no_archive("count-huge", "the end of directory counts 65,000 entries", "entries", |zip| {
            zip.end.count = Some(65_000)
        }),
        Kind::no_archive("directory-offset-high", "the directory is said to start later", "zip", |zip| {
            zip.end.at = Some(1 << 20)
        }),
        Kind::no_archive("directory-offset-low", "the directory is said to start earlier", "zip", |zip| {
            zip.end.at = Some(100);
        }),
        Kind::no_archive("directory-short", "the directory is said to be shorter", "zip", |zip| {
            zip.end.len = Some(directory_len(zip) - 10);
        }),
        Kind::no_archive("directory-long", "the directory is said to be longer than the file", "zip", |zip| {
            zip.end.len = Some(1 << 20);
        }),
        Kind::no_archive("split", "the archive says that it is one of several", "split", |zip| zip.end.disk = 1),
        Kind::no_archive("zip64-count", "the count of entries is said to be elsewhere", "zip64", |zip| {
            zip.end.count = Some(u16::MAX);
        }),
        Kind::no_archive("zip64-offset", "the directory's place is said to be elsewhere", "zip64", |zip| {
            zip.end.at = Some(u32::MAX);
        }),
        Kind::no_archive(
            "zip64-locator",
            "a zip64 locator is hidden in the last entry's extra field",
            "zip64",
            |zip| {
                let mut locator = b"PK\x06\x07".to_vec();
                locator.extend_from_slice(&[0; 16]);
                zip.items[4].central(|head| head.extra = crate::zip::extra(0x7875, &locator));
            },
        ),
        Kind::no_archive("directory-damaged", "the directory is damaged", "zip", |zip| {
            zip.items[2].central(|head| head.name.push(b'x'));
            zip.end.len = Some(directory_len(zip) - 1);
        }),
    ]
}

fn directory_len(zip: &Zip) -> u32 {
    let heads = zip.items.iter().filter_map(|item| item.central.as_ref());
    heads.map(|head| 46 + head.name.len() as u32 + head.extra.len() as u32).sum()
}

fn fails_bytes(name: &str, why: &str, says: &str, bytes: Vec<u8>) -> Kind {
    let mut kind = Kind::fails(name, why, says, &Zip::default());
    kind.bytes = bytes;
    kind
}

fn twins() -> Vec<Kind> {
    let bad = || Item::deflated("run.json", br#"{"run_id":"run_other"}"#);
    vec![
        Kind::archive("twin-good-first", "run.json stands in the archive twice, the good one first", "twice", |zip| {
            zip.items.push(bad());
        }),
        Kind::archive("twin-bad-first", "run.json stands in the archive twice, the bad one first", "twice", |zip| {
            zip.items.insert(0, bad());
        }),
        Kind::archive("twin-alike", "run.json stands in the archive twice, both alike", "twice", |zip| {
            let twin = zip.item("run.json").clone();
            zip.items.push(twin);
        }),
        Kind::archive("twin-in-directory", "the directory names one entry twice", "overlap", |zip| {
            let mut twin = zip.item("run.json").clone();
            let before: usize =
                zip.items[..4].iter().map(|item| 30 + item.local.as_ref().unwrap().name.len() + item.data.len()).sum();
            (twin.local, twin.data, twin.at) = (None, Vec::new(), Some(before as u32));
            zip.items.push(twin);
        }),
        Kind::archive("twin-manifest", "there are two manifests", "twice", |zip| {
            let twin = Pack::with("run.json", "linux", "plan9").zip().item("manifest.json").clone();
            zip.items.push(twin);
        }),
        Kind::archive("twin-case", "two names are equal but for case", "twice", |zip| {
            zip.items.push(Item::stored("Run.JSON", b"{}"));
        }),
        Kind::archive("twin-case-unicode", "two names are equal but for a case outside ASCII", "twice", |zip| {
            zip.items.push(Item::stored("manife\u{17f}t.json", b"{}"));
        }),
        Kind::archive("overlap-inner", "an entry stands inside another's data", "overlap", |zip| {
            let ghost = Zip::of(vec![Item::stored("ghost.txt", b"boo")]).write();
            let host = Item::stored("host.bin", &ghost);
            zip.items.insert(0, host);
            let mut inner = Item::stored("ghost.txt", b"boo");
            (inner.local, inner.data, inner.at) = (None, Vec::new(), Some(38));
            zip.items.push(inner);
        }),
    ]
}

fn damage() -> Vec<Kind> {
    let run = |zip: &mut Zip, change: &dyn Fn(&mut Vec<u8>)| {
        let item = zip.item("run.json");
        change(&mut item.data);
        let packed = item.data.len() as u32;
        item.both(|head| head.packed = packed);
    };
    vec![
        Kind::archive("crc-wrong", "both headers have the same wrong checksum", "checksum", |zip| {
            zip.item("run.json").both(|head| head.crc ^= 1);
        }),
        Kind::archive("crc-wrong-manifest", "the manifest's checksum is wrong", "checksum", |zip| {
            zip.item("manifest.json").both(|head| head.crc ^= 1);
        }),
        Kind::archive("deflate-truncated", "an entry's deflate stream is cut off", "run.json", |zip| {
            run(zip, &|data| data.truncate(data.len() / 2));
        }),
        Kind::archive("deflate-endless", "an entry's deflate stream has no end", "cut off", |zip| {
            let text = Pack::sound().run;
            let mut open = vec![0u8];
            open.extend_from_slice(&(text.len() as u16).to_le_bytes());
            open.extend_from_slice(&(!(text.len() as u16)).to_le_bytes());
            open.extend_from_slice(&text);
            run(zip, &|data| data.clone_from(&open));
        }),
        Kind::archive("deflate-garbage", "an entry's deflate stream is none", "run.json", |zip| {
            run(zip, &|data| data.fill(0xff));
        }),
        Kind::archive("deflate-empty", "an entry's deflate stream is empty", "cut off", |zip| run(zip, &Vec::clear)),
        Kind::archive("deflate-lane", "a lane's deflate stream is cut off", "intents.jsonl", |zip| {
            let item = zip.item("intents.jsonl");
            item.data.truncate(40);
            item.both(|head| head.packed = 40);
        }),
        Kind::archive("size-small", "an entry is larger than it says", "more data", |zip| {
            zip.item("run.json").both(|head| head.size -= 1);
        }),
        Kind::archive("size-zero", "an entry says that it is empty", "more data", |zip| {
            zip.item("run.json").both(|head| head.size = 0);
        }),
        Kind::archive("size-large", "an entry is smaller than it says", "less data", |zip| {
            zip.item("run.json").both(|head| head.size += 1);
        }),
        Kind::archive("stored-sizes", "a stored entry has two sizes", "two different sizes", |zip| {
            let mut item = Item::stored("run.json", &Pack::sound().run);
            item.both(|head| head.size += 5);
            *zip.item("run.json") = item;
        }),
        Kind::archive("stored-as-deflated", "a stored entry says that it is deflated", "run.json", |zip| {
            let mut item = Item::stored("run.json", &Pack::sound().run);
            item.both(|head| head.method = 8);
            *zip.item("run.json") = item;
        }),
        Kind::archive("deflated-as-stored", "a deflated entry says that it is stored", "hash_mismatches", |zip| {
            let data = deflate(&Pack::sound().run);
            *zip.item("run.json") = Item::stored("run.json", &data);
            assert_ne!(crc(&data), 0);
        }),
    ]
}

/// What is no archive at all.
fn none() -> Vec<Kind> {
    let sound = changed(|_| {}).write();
    let invalid = Kind::invalid;
    let cut = |len: usize| sound[..len].to_vec();
    vec![
        invalid("not-a-zip", "a text, no archive", "not a readable zip", b"run_id=run_hostile\n".to_vec()),
        invalid("empty-file", "an empty file", "not a readable zip", Vec::new()),
        invalid("empty-archive", "an archive without entries", "no manifest.json", Zip::default().write()),
        invalid("truncated", "the archive is cut off in an entry", "not a readable zip", cut(sound.len() / 2)),
        invalid(
            "truncated-directory",
            "the archive is cut off in its directory",
            "not a readable zip",
            cut(sound.len() - 60),
        ),
        invalid(
            "truncated-end",
            "the archive is cut off in its last record",
            "not a readable zip",
            cut(sound.len() - 1),
        ),
        invalid("beheaded", "the archive's first bytes are missing", "not a readable zip", sound[10..].to_vec()),
        invalid(
            "gzip",
            "the archive is a gzip file",
            "not a readable zip",
            b"\x1f\x8b\x08\x00\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0".to_vec(),
        ),
        invalid("another-zip", "the archive is no runpack", "no manifest.json", {
            Zip::of(vec![Item::stored("readme.txt", b"hello")]).write()
        }),
    ]
}
