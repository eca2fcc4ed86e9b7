//! Globs as they are written: each form of them, allowed and denied, and what is none.

use crate::kit::{call, policy, refused, verdict};
use serde_json::json;

fn decided(key: &str, pattern: &str, value: &str) -> &'static str {
    let rule = json!({"name": "r", "effect": "allow", "endpoint": {key: [pattern]}});
    let policy = policy(&json!({"default_verdict": "block", "rules": [rule]}).to_string());
    verdict(&policy, &call("t", json!({}), json!([{"kind": "path", "value": value}])))
}

#[test]
fn each_form_fits_what_it_says() {
    for (pattern, fit, other) in [
        ("/a/?", vec!["/a/b", "/a/ü"], vec!["/a/bc", "/a/", "/a"]),
        ("/a?b?c", vec!["/axbyc"], vec!["/a/byc", "/axbc"]),
        ("/a/*", vec!["/a/b", "/a/bc"], vec!["/a/b/c", "/b/b"]),
        ("/a/*b*c", vec!["/a/bc", "/a/xbbyc", "/a/bcbc"], vec!["/a/cb", "/a/b/c", "/a/bcd"]),
        ("/a/*/b/*", vec!["/a/x/b/y"], vec!["/a/x/y/b/z", "/a/x/b/y/z"]),
        ("/a/[b-d]x", vec!["/a/bx", "/a/cx", "/a/dx"], vec!["/a/ax", "/a/ex", "/a/-x", "/a/b"]),
        ("/a/[bx-z1]", vec!["/a/b", "/a/x", "/a/y", "/a/z", "/a/1"], vec!["/a/c", "/a/w", "/a/2"]),
        ("/a/[^b-d]", vec!["/a/a", "/a/^"], vec!["/a/b", "/a/c", "/a/"]),
        ("/a/[b^]", vec!["/a/b", "/a/^"], vec!["/a/c"]),
        ("/a/[!b]", vec!["/a/!", "/a/b"], vec!["/a/c"]),
        ("/a/x[b][c]y", vec!["/a/xbcy"], vec!["/a/xccy", "/a/xbc"]),
        ("/a/[ä-ö]", vec!["/a/ö"], vec!["/a/o"]),
        ("/a/\\*b", vec!["/a/*b"], vec!["/a/xb", "/a/*"]),
        ("/a/x*\\?\\[b", vec!["/a/x?[b", "/a/xy?[b"], vec!["/a/xy[b", "/a/xyzb"]),
        ("/a/[\\]\\-b]c", vec!["/a/]c", "/a/-c", "/a/bc"], vec!["/a/ac", "/a/]"]),
        ("/a/[\\+-\\.]", vec!["/a/+", "/a/,", "/a/-"], vec!["/a/a", "/a/*"]),
        ("/a/x?*", vec!["/a/xy", "/a/xyz"], vec!["/a/x"]),
        ("/a/**", vec!["/a", "/a/b", "/a/b/c"], vec!["/ab", "/b"]),
    ] {
        for value in &fit {
            assert_eq!(decided("path_allowlist", pattern, value), "allow", "{pattern} {value}");
            assert_eq!(decided("path_denylist", pattern, value), "block", "{pattern} {value}");
        }
        for value in &other {
            assert_eq!(decided("path_allowlist", pattern, value), "block", "{pattern} {value}");
            assert_eq!(decided("path_denylist", pattern, value), "allow", "{pattern} {value}");
        }
    }
}

#[test]
fn a_class_stands_for_a_separator_only_in_a_denial() {
    for pattern in ["/a[/]b", "/a[^x]b", "/a[.-0]b"] {
        assert_eq!(decided("path_allowlist", pattern, "/a/b"), "block", "{pattern}");
        assert_eq!(decided("path_denylist", pattern, "/a/b"), "block", "{pattern}");
    }
}

#[test]
fn what_fits_nothing_is_refused() {
    for pattern in ["[", "a[b", "[]", "[]a]", "[^]", "[a-]", "[-a]", "[a-", "\\", "a*\\", "[\\", "[a\\]", "x[a]["] {
        let rule = json!({"name": "r", "effect": "allow", "endpoint": {"path_denylist": [pattern]}});
        assert!(refused(&json!({"rules": [rule]}).to_string()).contains("malformed pattern"), "{pattern}");
    }
}
