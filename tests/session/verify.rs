//! Verifying chains: everything a dishonest or careless hand can do to one.

use crate::kit::Folder;
use gait::session::chain::checkpoint_digest;
use gait::session::model::{Chain, Checkpoint};
use serde_json::{Value, json};

/// A chain of two checkpoints.
fn chain() -> Folder {
    let folder = Folder::new();
    for name in ["one", "two"] {
        folder.append(2);
        folder.run(&format!("run session checkpoint --journal j.jsonl --out {name}.zip")).code(0);
    }
    folder
}

fn verify(folder: &Folder, code: i32) -> Value {
    folder.run("verify session-chain j_chain.json --json").code(code).json()
}

/// Changes the chain file; the digests are made to fit again from there on.
fn relink(folder: &Folder, change: impl Fn(&mut Vec<Checkpoint>)) {
    let mut chain: Chain = serde_json::from_str(&folder.text("j_chain.json")).unwrap();
    change(&mut chain.checkpoints);
    let mut before = String::new();
    for checkpoint in &mut chain.checkpoints {
        checkpoint.prev_checkpoint_digest = before;
        checkpoint.checkpoint_digest = checkpoint_digest(checkpoint).to_string();
        before = checkpoint.checkpoint_digest.clone();
    }
    folder.file("j_chain.json", serde_json::to_string(&chain).unwrap());
}

#[test]
fn a_sound_chain_says_its_last_digest() {
    let folder = chain();
    let found = verify(&folder, 0);
    let text = folder.run("verify session-chain --chain j_chain.json").code(0).stdout;
    assert!(text.contains(found["last_checkpoint_digest"].as_str().unwrap()), "{text}");
}

#[test]
fn a_checkpoint_cut_out_and_relinked_leaves_a_gap() {
    let folder = chain();
    folder.append(1);
    folder.run("run session checkpoint --journal j.jsonl --out three.zip").code(0);
    relink(&folder, |all| {
        all.remove(1);
        all[1].checkpoint_index = 2;
    });
    let errors = verify(&folder, 2)["linkage_errors"].clone();
    assert!(errors.to_string().contains("sequence gap before checkpoint 2"), "{errors}");
    assert!(errors.to_string().contains("runpack is of run run_s_cp_0003"), "{errors}");
}

#[test]
fn checkpoints_cut_off_the_end_are_found_with_the_journal() {
    let folder = chain();
    relink(&folder, |all| drop(all.pop()));
    verify(&folder, 0);
    let line = "verify session-chain j_chain.json --journal j.jsonl --json";
    let errors = folder.run(line).code(2).json()["linkage_errors"].clone();
    assert_eq!(errors, json!(["the chain has 1 checkpoints, the journal 2"]));
}

#[test]
fn a_foreign_signature_fails_even_where_none_is_required() {
    let folder = chain();
    folder.run("keys init --out-dir keys --prefix other").code(0);
    let line = "verify session-chain j_chain.json --public-key keys/other_public.key --json";
    let errors = folder.run(line).code(2).json()["checkpoint_errors"].clone();
    assert_eq!(errors[0], "checkpoint 1 signature verification failed");
}

#[test]
fn runpacks_are_found_beside_a_chain_that_is_elsewhere() {
    let folder = chain();
    std::fs::create_dir(folder.at("moved")).unwrap();
    for name in ["j_chain.json", "one.zip", "two.zip"] {
        std::fs::rename(folder.at(name), folder.at("moved").join(name)).unwrap();
    }
    folder.run("verify session-chain moved/j_chain.json").code(0);
    std::fs::remove_file(folder.at("moved/two.zip")).unwrap();
    folder.run("verify session-chain moved/j_chain.json").code(2);
}

#[test]
fn a_received_chain_cannot_look_around() {
    let folder = chain();
    let secret = folder.file("secret.txt", "x");
    for path in ["../../etc/passwd", "/etc/passwd", "/does/not/exist", secret.as_str()] {
        relink(&folder, |all| path.clone_into(&mut all[0].runpack_path));
        let errors = verify(&folder, 2)["checkpoint_errors"].clone();
        let told = errors[0].as_str().unwrap().replace(path, "PATH");
        let uniform = "checkpoint 1 verify error: PATH is no runpack that can be read";
        let outside = "checkpoint 1 verify error: runpack path \"PATH\" leaves the working directory";
        assert_eq!(told, if path.starts_with('/') { uniform } else { outside });
    }
}

#[test]
fn subcommands_take_the_flags_of_verify_on_either_side() {
    let folder = chain();
    folder.run("verify --require-signature session-chain j_chain.json").code(0);
    folder.append(1);
    folder.run("run session checkpoint --journal j.jsonl --out three.zip --no-sign").code(0);
    for line in [
        "verify --require-signature session-chain j_chain.json",
        "verify session-chain j_chain.json --require-signature",
        "verify --json --require-signature chain --run three.zip",
    ] {
        folder.run(line).code(2);
    }
    folder.run("verify one.zip session-chain j_chain.json").code(6);
    folder.run("verify session-chain j_chain.json --profile strict").code(6);
    for line in ["verify chain --help", "verify session-chain --help"] {
        assert!(folder.run(line).code(0).stdout.contains("Usage: gait verify "), "{line}");
    }
    let (one, other) = (folder.run("verify chain --explain"), folder.run("verify session-chain --explain"));
    assert!(one.code == 0 && other.code == 0 && one.stdout != other.stdout);
}

#[test]
fn a_chain_cannot_move_the_cursor() {
    let folder = chain();
    let text = folder.text("j_chain.json").replace("\"session_id\": \"s\"", "\"session_id\": \"\\u001b[2Js\"");
    folder.file("j_chain.json", text);
    let text = folder.run("verify session-chain j_chain.json").code(0).stdout;
    assert!(text.contains("session=\\u{1b}[2Js") && !text.contains('\u{1b}'), "{text}");
}
