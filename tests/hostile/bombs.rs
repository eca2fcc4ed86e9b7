//! Packs that are small on disk and would like to be large in memory, or to take long.

use crate::kind::Kind;
use crate::pack::{Pack, digested, sign, signer};
use crate::zip::{Item, deflate};
use gait::kernel::digest::Digest;
use serde_json::json;

const MIB: usize = 1 << 20;

pub fn kinds() -> Vec<Kind> {
    let mut kinds = claims();
    kinds.extend(documents());
    kinds.extend(lanes());
    kinds
}

fn claims() -> Vec<Kind> {
    let zeros = vec![0; 65 * MIB];
    let mut bomb = Pack::sound();
    bomb.extra = vec![("zeros.bin".to_owned(), zeros)];
    let part = vec![0; 17 * MIB];
    let packed = deflate(&part);
    let mut many = Pack::sound();
    many.extra = vec![("zeros-0.bin".to_owned(), part.clone())];
    let mut manifest = many.declared();
    let hash = Digest::of(&part).to_string();
    let mut zip = Pack::sound().zip();
    for at in 0..4 {
        let name = format!("zeros-{at}.bin");
        let mut item = Item::stored(&name, &part);
        item.data.clone_from(&packed);
        item.both(|head| (head.method, head.packed) = (8, packed.len() as u32));
        zip.items.push(item);
        if at > 0 {
            manifest["files"].as_array_mut().unwrap().push(json!({"path": name, "sha256": hash}));
        }
    }
    let signed = sign(digested(manifest), &signer());
    *zip.item("manifest.json") = Item::deflated("manifest.json", signed.to_string().as_bytes());
    let claim = |name: &str, why: &str, size: u32| {
        Kind::no_archive(name, why, "beyond the limits", |zip| zip.item("run.json").both(|head| head.size = size))
    };
    let mut undeclared = Pack::sound().zip();
    undeclared.items.push(Item::deflated("zeros.bin", &vec![0; 60 * MIB]));
    vec![
        Kind::invalid(
            "bomb-entry",
            "an entry of 65 MiB from as many kilobytes",
            "beyond the limits",
            bomb.zip().write(),
        ),
        Kind::invalid("bomb-many", "four entries that are a bomb together", "beyond the limits", zip.write()),
        Kind::fails("bomb-undeclared", "an undeclared entry of 60 MiB", "does not declare", &undeclared),
        claim("claim-2-gib", "an entry claims 2 GiB", 2 << 30),
        claim("claim-4-gib", "an entry claims nearly 4 GiB", u32::MAX - 1),
        claim("claim-ratio", "an entry claims 100 MiB from a few bytes", 100 << 20),
    ]
}

fn documents() -> Vec<Kind> {
    let list = |item: &str, mib: usize| item.repeat(mib * MIB / item.len());
    let manifest = |text: String| Pack::sound().under_text(text.into_bytes()).write();
    let document = |name: &str, why: &str, says: &str, entry: &str, text: String| {
        let mut pack = Pack::sound();
        *pack.slot(entry) = text.into_bytes();
        Kind::fails(name, why, says, &pack.zip())
    };
    vec![
        Kind::invalid(
            "bomb-manifest",
            "the manifest is 9 MiB of white space",
            "larger than",
            manifest(format!("{{{}}}", list(" ", 9))),
        ),
        Kind::invalid(
            "bomb-manifest-files",
            "the manifest declares two million nothings",
            "at most 4096",
            manifest(format!(r#"{{"files":[{}{{}}],"run_id":"run_hostile"}}"#, list("{},", 7))),
        ),
        Kind::invalid(
            "bomb-manifest-signatures",
            "the manifest is signed a million times by nobody",
            "at most 64",
            manifest(format!(r#"{{"run_id":"run_hostile","signatures":[{}{{}}]}}"#, list("null,", 7))),
        ),
        document(
            "bomb-timeline",
            "the timeline has ten million events that are nothing",
            "at most 1048576",
            "run.json",
            format!(r#"{{"timeline":[{}{{}}]}}"#, list("{},", 30)),
        ),
        document(
            "bomb-receipts",
            "there are ten million receipts that are nothing",
            "at most 262144",
            "refs.json",
            format!(r#"{{"receipts":[{}{{}}]}}"#, list("{},", 30)),
        ),
        document(
            "bomb-values",
            "fifteen million numbers in a text that is not canonical",
            "six million values",
            "run.json",
            format!(r#" {{"x":[{}0]}}"#, list("0,", 30)),
        ),
    ]
}

fn lanes() -> Vec<Kind> {
    let lane = |name: &str, why: &str, says: &str, text: Vec<u8>| {
        let mut pack = Pack::sound();
        pack.results.extend_from_slice(&text);
        Kind::fails(name, why, says, &pack.zip())
    };
    let line = |len: usize| {
        let mut line = b"{\"result\":{\"x\":\"".to_vec();
        line.resize(len - 3, b'x');
        line.extend_from_slice(b"\"}}");
        line.push(b'\n');
        line
    };
    let record = |len: usize| {
        let start = br#"{"schema_id":"gait.runpack.result","schema_version":"1.0.0","run_id":"run_hostile","result":"#;
        [&start[..], &line(len - start.len() - 1)[..len - start.len() - 1], b"}\n"].concat()
    };
    let mut longest = Pack::sound();
    longest.results.extend_from_slice(&record(10 * MIB - 1));
    let mut blank = Pack::sound();
    blank.results.extend(vec![b'\n'; 2 * MIB]);
    vec![
        Kind::holds("line-longest", "a line of 10 MiB with its line break", &longest.zip()),
        Kind::holds("lines-blank", "two million blank lines", &blank.zip()),
        lane("lines-null", "two million records that are null", "names no schema", b"null\n".repeat(2 * MIB)),
        lane("lines-empty", "four million records that are empty", "names no schema", b"{}\n".repeat(4 * MIB)),
        lane("line-too-long", "a line of 11 MiB", "longer than", line(11 * MIB)),
        lane("line-too-long-by-one", "a line of 10 MiB, its line break not counted", "longer than", line(10 * MIB)),
        lane("line-endless", "a line of 60 MiB without an end", "longer than", vec![b' '; 60 * MIB]),
        lane("lines-broken", "a million lines, all of them broken", "line 3: invalid JSON", b"{\n".repeat(MIB)),
    ]
}
