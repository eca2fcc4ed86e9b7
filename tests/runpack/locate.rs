//! Run ids and paths.

use crate::kit::Folder;
use gait::kernel::error::Kind;
use gait::runpack::locate::{resolve_in, shown};

#[test]
fn an_id_is_looked_up_in_the_project_first_then_in_the_home_store() {
    let folder = Folder::new();
    let home = folder.path().join("home");
    let stored = folder.file("home/.gait/runpacks/runpack_run_x.zip", "");
    let resolve = |arg| resolve_in(arg, folder.path(), Some(&home));
    assert_eq!(resolve("run_x").unwrap(), stored.as_str());
    assert_eq!(resolve_in("run_x", folder.path(), None).unwrap_err().kind(), Kind::InvalidInput);
    folder.file("gait-out/runpack_run_x.zip", "");
    assert_eq!(resolve("run_x").unwrap(), "gait-out/runpack_run_x.zip");
    std::fs::create_dir_all(folder.path().join("gait-out/runpack_run_dir.zip")).unwrap();
    assert!(resolve("run_dir").is_err());
}

#[test]
fn a_path_is_taken_as_it_is_spelled_and_has_to_be_a_file() {
    let folder = Folder::new();
    folder.file("other/copy.ZIP", "");
    let resolve = |arg| resolve_in(arg, folder.path(), None);
    assert_eq!(resolve("./other/copy.ZIP").unwrap(), "./other/copy.ZIP");
    for missing in ["", "other/", "missing.zip", "./run_x"] {
        assert_eq!(resolve(missing).unwrap_err().kind(), Kind::InvalidInput, "{missing:?}");
    }
}

#[test]
fn an_id_never_leaves_the_places_packs_are_kept_in() {
    let folder = Folder::new();
    folder.file("gait-out/runpack_a b.zip", "");
    folder.file("gait-out/runpack_a.b.zip", "");
    for odd in ["a b", "a.b", "é", " run", "a\0b"] {
        assert_eq!(resolve_in(odd, folder.path(), None).unwrap_err().kind(), Kind::InvalidInput, "{odd:?}");
    }
}

#[test]
fn a_written_path_is_shown_with_a_dot_unless_it_has_one() {
    let spellings = [("gait-out//x.zip", "./gait-out/x.zip"), ("./x.zip", "./x.zip"), ("/a/x.zip", "/a/x.zip")];
    for (path, want) in spellings {
        assert_eq!(shown(path.into()), want);
    }
}
