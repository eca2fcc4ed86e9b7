//! Entries whose headers disagree, ask for what nobody reads, or are not files; and names that are none.

use crate::kind::Kind;
use crate::pack::{Pack, digested, sign, signer};
use crate::zip::{Head, Item, extra};
use serde_json::json;

pub fn kinds() -> Vec<Kind> {
    let mut kinds = unlike();
    kinds.extend(asking());
    kinds.extend(types());
    kinds.extend(names());
    kinds
}

fn unlike() -> Vec<Kind> {
    let says = "unlike the directory's";
    let unlike = |name: &str, why: &str, change: &dyn Fn(&mut Head)| {
        Kind::archive(name, why, says, |zip| zip.item("run.json").local(change))
    };
    vec![
        unlike("local-name", "the local header has another name", &|head| head.name = b"ran.json".to_vec()),
        unlike("local-size", "the local header has another size", &|head| head.size += 1),
        unlike("local-size-zero", "the local header has no size, and no descriptor follows", &|head| head.size = 0),
        unlike("local-crc", "the local header has another checksum", &|head| head.crc ^= 1),
        unlike("local-method", "the local header has another method", &|head| head.method = 0),
        unlike("local-flags", "the local header has other flags", &|head| head.flags = 1 << 11),
        unlike("local-version", "the local header needs another version", &|head| head.needed += 1),
        unlike("local-time", "the local header has another time", &|head| head.time += 1),
        Kind::archive("local-packed-size", "the local header has another compressed size", says, |zip| {
            zip.item("run.json").local(|head| head.packed += 1);
        }),
        Kind::archive("descriptor-wrong", "the data descriptor has another size", "data descriptor", |zip| {
            let item = zip.item("run.json");
            item.described(true);
            *item.descriptor.last_mut().unwrap() ^= 1;
        }),
        Kind::archive("descriptor-missing", "a data descriptor is promised and not there", "data descriptor", |zip| {
            let item = zip.item("run.json");
            item.described(true);
            item.descriptor.clear();
        }),
    ]
}

fn asking() -> Vec<Kind> {
    let both = |name: &str, why: &str, says: &str, change: &dyn Fn(&mut Head)| {
        Kind::archive(name, why, says, |zip| zip.item("run.json").both(change))
    };
    let mut renamed = vec![1];
    renamed.extend_from_slice(&crate::zip::crc(b"run.json").to_le_bytes());
    renamed.extend_from_slice(b"ran.json");
    let unicode = extra(0x7075, &renamed);
    let zip64 = extra(1, &[0; 16]);
    vec![
        both("encrypted", "an entry is encrypted", "encrypted", &|head| head.flags |= 1),
        both("encrypted-strongly", "an entry is strongly encrypted", "encrypted", &|head| head.flags |= 0x41),
        both("flags-patch", "an entry is a patch of something", "flags of another kind", &|head| head.flags |= 1 << 5),
        both("method-bzip2", "an entry is packed with bzip2", "compression method", &|head| head.method = 12),
        both("method-deflate64", "an entry is packed with deflate64", "compression method", &|head| head.method = 9),
        both("method-zstd", "an entry is packed with zstd", "compression method", &|head| head.method = 93),
        both("method-aes", "an entry is packed with AES", "compression method", &|head| head.method = 99),
        both("method-unknown", "an entry is packed with a method that is none", "compression method", &|head| {
            head.method = 0xfffe;
        }),
        both("extra-unicode-path", "an extra field renames the entry for some readers", "second name", &|head| {
            head.extra.clone_from(&unicode);
        }),
        both("extra-zip64", "an extra field has other sizes", "zip64", &|head| head.extra.clone_from(&zip64)),
        both("extra-unknown", "an extra field that nobody knows hides bytes", "neither times nor owner", &|head| {
            head.extra = extra(0xbeef, b"hidden");
        }),
        both("extra-damaged", "an extra field is longer than it can be", "damaged extra", &|head| {
            head.extra = vec![0x55, 0x54, 0xff, 0x00, 1];
        }),
        Kind::archive(
            "extra-local-only",
            "an extra field of the local header alone renames the entry",
            "second name",
            |zip| {
                zip.item("run.json").local(|head| head.extra.clone_from(&unicode));
            },
        ),
        both("zip64-size", "an entry's size is said to be elsewhere", "zip64", &|head| head.size = u32::MAX),
        Kind::no_archive("zip64-packed-size", "an entry's compressed size is said to be elsewhere", "zip", |zip| {
            zip.item("run.json").both(|head| head.packed = u32::MAX);
        }),
        Kind::no_archive(
            "local-header-outside",
            "an entry is said to stand behind the end of the file",
            "zip",
            |zip| {
                zip.items[0].at = Some(1 << 30);
            },
        ),
        Kind::no_archive("local-header-none", "an entry is said to stand where none does", "zip", |zip| {
            zip.items[0].at = Some(5);
        }),
        Kind::archive("entry-on-other-disk", "an entry is said to stand on another disk", "another disk", |zip| {
            zip.items[0].disk = 1;
        }),
    ]
}

fn types() -> Vec<Kind> {
    let kind = |name: &str, why: &str, mode: u32| {
        Kind::archive(name, why, "special file", |zip| zip.item("run.json").attributes = mode)
    };
    vec![
        kind("type-symlink", "run.json is a symbolic link", 0o120_777 << 16),
        kind("type-directory", "run.json is a directory", 0o040_755 << 16),
        kind("type-device", "run.json is a block device", 0o060_644 << 16),
        kind("type-character-device", "run.json is a character device", 0o020_644 << 16),
        kind("type-pipe", "run.json is a pipe", 0o010_644 << 16),
        kind("type-socket", "run.json is a socket", 0o140_644 << 16),
        kind("type-dos-directory", "run.json is a directory by its DOS attributes", 0x10),
        Kind::archive("type-symlink-macos", "run.json is a symbolic link made on a Mac", "special file", |zip| {
            let item = zip.item("run.json");
            (item.made_by, item.attributes) = (0x1314, 0o120_777 << 16);
        }),
    ]
}

/// Declared, hashed and signed entries whose names nobody should meet.
fn names() -> Vec<Kind> {
    let named = |kind: &str, why: &str, says: &str, name: &[u8], marked: bool| {
        let text = String::from_utf8_lossy(name).into_owned();
        let mut pack = Pack::sound();
        pack.extra = vec![(text, b"x".to_vec())];
        let manifest = sign(digested(pack.declared()), &signer());
        pack.extra.clear();
        let mut zip = pack.under(&manifest);
        let mut item = Item::stored("x", b"x");
        item.both(|head| {
            head.name = name.to_vec();
            head.flags = if marked { 1 << 11 } else { 0 };
        });
        zip.items.push(item);
        assert_ne!(manifest["files"], json!([]));
        Kind::fails(&format!("name-{kind}"), why, says, &zip)
    };
    vec![
        named("parent", "a name leaves the archive", "dot or space", b"../run.json", false),
        named("parent-inside", "a name goes up inside itself", "dot or space", b"a/../run.json", false),
        named("parent-windows", "a name leaves the archive on Windows", "forbidden character", b"..\\run.json", false),
        named("absolute", "a name is absolute", "absolute", b"/etc/passwd", false),
        named("drive", "a name has a drive letter", "absolute", b"C:run.json", false),
        named("backslash", "a name has a backslash", "forbidden character", b"a\\b", false),
        named("nul", "a name has a zero byte", "forbidden character", b"run.json\0.txt", false),
        named("control", "a name has a line break", "forbidden character", b"run\n.json", false),
        named("not-utf8", "a name is not UTF-8", "not UTF-8", b"r\xfcn.json", false),
        named("not-utf8-marked", "a name is marked as UTF-8 and is not", "not UTF-8", b"r\xfcn.json", true),
        named("not-marked", "a name is UTF-8 and not marked as such", "not marked", "rün.json".as_bytes(), false),
        named("empty", "a name is empty", "directory", b"", false),
        named("directory", "a name is a directory's", "directory", b"a/", false),
        named("dot", "a name has a part that is nothing", "dot or space", b"./run.json", false),
        named("double-slash", "a name has an empty part", "empty part", b"a//b", false),
        named("final-dot", "a name is another's on Windows", "dot or space", b"run.json.", false),
        named("final-space", "a name is another's on Windows", "dot or space", b"run.json ", false),
    ]
}
