//! A pack appears under its name only once it has been looked at.

use crate::kit::Folder;
use gait::kernel::error::Error;
use gait::kernel::fs::Draft;
use std::io::Write as _;

#[test]
fn what_does_not_pass_the_check_is_never_there() {
    let folder = Folder::new();
    let path = folder.file("pack.zip", "old");
    let mut draft = Draft::new(&path).unwrap();
    draft.file().write_all(b"new").unwrap();
    let refused = draft.publish_checked(|draft| {
        assert_eq!(std::fs::read(draft).unwrap(), b"new");
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        Err(Error::verification("no"))
    });
    assert_eq!(refused.unwrap_err().to_string(), "no");
    assert_eq!(std::fs::read(&path).unwrap(), b"old");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);

    let mut draft = Draft::new(&path).unwrap();
    draft.file().write_all(b"new").unwrap();
    draft.publish_checked(|_| Ok(())).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"new");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}
