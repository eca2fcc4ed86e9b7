//! Packs that other programs write and that hold: other archives, other spellings, other orders.

use crate::kind::{Kind, changed};
use crate::pack::{Pack, digested, key, sign, signature, signer};
use crate::zip::{Item, Zip, extra};
use gait::kernel::json::canon;
use serde_json::{Value, json};

pub fn kinds() -> Vec<Kind> {
    let mut kinds = archives();
    kinds.extend(spellings());
    kinds.extend(contents());
    kinds.extend(signatures());
    kinds
}

fn archives() -> Vec<Kind> {
    let sound = Pack::sound();
    let entries = sound.entries_under(canon::of(&sound.signed()).unwrap());
    let stored = entries.iter().map(|(name, bytes)| Item::stored(name, bytes)).collect();
    let holds = |name: &str, why: &str, change: &dyn Fn(&mut Zip)| Kind::holds(name, why, &changed(change));
    let times = extra(0x5455, &[1, 0, 0x81, 0xcf, 0x12]);
    vec![
        Kind::holds("sound", "nothing is wrong", &sound.zip()),
        Kind::holds("foreign-stored", "nothing is compressed", &Zip::of(stored)),
        holds("foreign-order", "the entries stand in another order", &|zip| zip.items.reverse()),
        holds("foreign-times", "the entries have times", &|zip| {
            zip.items.iter_mut().for_each(|item| item.both(|head| head.time = 0x5c61_5000));
        }),
        holds("foreign-descriptors", "sizes follow the data, and there are extended times: as Go writes", &|zip| {
            for item in &mut zip.items {
                item.both(|head| head.extra.clone_from(&times));
                item.described(true);
            }
        }),
        holds("foreign-descriptors-bare", "sizes follow the data without a signature", &|zip| {
            zip.items.iter_mut().for_each(|item| item.described(false));
        }),
        holds("foreign-owners", "times and owners stand in extra fields: as Info-ZIP writes", &|zip| {
            for item in &mut zip.items {
                let local = [extra(0x5455, &[3; 9]), extra(0x7875, &[1, 4, 0, 0, 0, 0, 4, 0, 0, 0, 0])].concat();
                let central = [extra(0x5455, &[3; 5]), extra(0x7875, &[1, 4, 0, 0, 0, 0, 4, 0, 0, 0, 0])].concat();
                item.local(|head| head.extra.clone_from(&local));
                item.central(|head| head.extra.clone_from(&central));
            }
        }),
        holds("foreign-dos", "the archive was made on a system without modes", &|zip| {
            zip.items.iter_mut().for_each(|item| (item.made_by, item.attributes) = (0x14, 0x20));
        }),
    ]
}

/// The same JSON with white space and another order of keys.
fn spelled(bytes: &[u8]) -> Vec<u8> {
    let value: Value = serde_json::from_slice(bytes).unwrap();
    serde_json::to_vec_pretty(&value).unwrap()
}

fn spellings() -> Vec<Kind> {
    let sound = Pack::sound();
    let mut pretty = sound.clone();
    pretty.run = spelled(&sound.run);
    pretty.refs = spelled(&sound.refs);
    let lines = String::from_utf8(sound.intents.clone()).unwrap();
    pretty.intents = lines.replace(':', " : ").replace("10 : 00 : 00", "10:00:00").into_bytes();
    let mut blank = sound.clone();
    blank.intents = format!("\n  \r\n{}", lines.replace('\n', "\r\n\n")).into_bytes();
    let mut open = sound.clone();
    open.intents = lines.trim_end().as_bytes().to_vec();
    let number = Pack::with("intents.jsonl", r#""amount":1"#, r#""amount":1.0e0"#);
    let escaped = Pack::with("intents.jsonl", r#""to":"acc-1""#, r#""\u0074o":"acc\u002d1""#);
    vec![
        Kind::holds(
            "foreign-manifest-spelling",
            "the manifest is indented",
            &sound.under_text(spelled(&canon::of(&sound.signed()).unwrap())),
        ),
        Kind::holds("foreign-spelling", "the other entries are spelled with white space", &pretty.zip()),
        Kind::holds("foreign-blank-lines", "there are blank lines and carriage returns in a lane", &blank.zip()),
        Kind::holds("foreign-last-line", "the last line of a lane has no line break", &open.zip()),
        Kind::holds("foreign-number-spelling", "a number is spelled another way", &number.zip()),
        Kind::holds("foreign-escapes", "a key and a text are escaped where they need not be", &escaped.zip()),
    ]
}

fn contents() -> Vec<Kind> {
    let mut empty = Pack::sound();
    (empty.intents, empty.results) = (Vec::new(), Vec::new());
    let mut blank = Pack::sound();
    blank.results = b"\n\n  \n".to_vec();
    let mut extra = Pack::sound();
    extra.extra =
        vec![("notes/read me.txt".to_owned(), b"hello".to_vec()), ("n\u{f6}tes.txt".to_owned(), b"hello".to_vec())];
    let mut unknown = Pack::sound();
    unknown.manifest["x_labels"] = json!({"team": "payments", "nested": [{"b": 1, "a": 2}]});
    let mut offset = Pack::sound();
    offset.manifest["created_at"] = json!("2026-03-01T11:00:00+01:00");
    let mut null = Pack::with("run.json", r#""timeline":["#, r#""timeline":[null,"#);
    null.run.push(b'\n');
    vec![
        Kind::holds("foreign-empty-lanes", "there are no records", &empty.zip()),
        Kind::holds("foreign-blank-lane", "a lane has nothing but blank lines", &blank.zip()),
        Kind::holds("foreign-extra-entries", "there are more entries, all of them declared", &extra.zip()),
        Kind::holds("foreign-unknown-keys", "the manifest has keys of its own, signed", &unknown.zip()),
        Kind::holds("foreign-offset", "the manifest's time has an offset", &offset.zip()),
        Kind::holds("foreign-null-event", "the timeline has an event that is null", &null.zip()),
    ]
}

fn signatures() -> Vec<Kind> {
    let pack = Pack::sound();
    let bare = digested(pack.declared());
    let mut two = bare.clone();
    two["signatures"] = json!([signature(&bare, &key(9)), signature(&bare, &signer())]);
    let mut nameless = sign(bare.clone(), &signer());
    nameless["signatures"][0]["key_id"] = json!("");
    let mut noted = sign(bare, &signer());
    noted["signatures"][0]["note"] = json!("unknown keys of a signature are nobody's business");
    let mut capitals = pack.declared();
    for file in capitals["files"].as_array_mut().unwrap() {
        file["sha256"] = json!(file["sha256"].as_str().unwrap().to_uppercase());
    }
    vec![
        Kind::holds("foreign-two-signatures", "two signed, one of them a stranger", &pack.under(&two)),
        Kind::holds("foreign-key-unnamed", "the signature does not name its key", &pack.under(&nameless)),
        Kind::holds("foreign-signature-note", "the signature has a key of its own", &pack.under(&noted)),
        Kind::holds(
            "foreign-hash-upper-case",
            "the hashes are in capitals",
            &pack.under(&sign(digested(capitals), &signer())),
        ),
    ]
}
