//! `match`, `trials` and `min_pass` in `gait.yaml`: what is read, what is refused and where, what the defaults give.

use crate::runs::suite;
use gait::config::document::Document;
use gait::config::rules::Order;
use gait::config::suite::Suite;
use gait::regress::discover;

fn parsed(text: &str) -> gait::kernel::error::Result<Suite> {
    Suite::of(Document::parse("gait.yaml", text.to_owned()).unwrap())
}

#[test]
fn what_cannot_be_used_is_refused_at_its_place() {
    let table = [
        (
            "order: strct",
            "gait.yaml:5:14: `order` is \"strct\", expected one of `strict`, `unordered`, `subset`, `superset`",
        ),
        ("before: [lookup, refund]", "gait.yaml:5:16: `before` has to be a list"),
        ("before: [[a, b, c]]", "gait.yaml:5:16: `before` lists pairs"),
        ("ignore: ['id']", "gait.yaml:5:16: path `id`: a path begins with `$`"),
        ("ignore: ['$.']", "gait.yaml:5:16: path `$.`: expected a name behind `$.`"),
        ("ignore: ['$.a[x]']", "gait.yaml:5:16: path `$.a[x]`: expected `[0]`, `[*]` or `['name']` behind `$.a`"),
        ("ignore: ['$a']", "gait.yaml:5:16: path `$a`: expected `.`, `..` or `[` behind `$`"),
        ("ignore: '$.a'", "gait.yaml:5:15: `ignore` has to be a list"),
        ("never: ['a[']", "gait.yaml:5:15: glob `a[`: "),
        ("never: ['']", "gait.yaml:5:15: a tool name is empty"),
        ("extra: some", "gait.yaml:5:14: `extra` has to be `deny`, `allow` or a list of tools"),
        ("bind: 1", "gait.yaml:5:13: `bind` has to be true or false"),
        ("tools: []", "gait.yaml:5:14: `tools` has to be a mapping"),
        ("tools: { '{a': {} }", "gait.yaml:5:16: glob `{a`: "),
        ("tools: { t: { args: { 'x': ignore } } }", "gait.yaml:5:29: path `x`"),
        ("tools: { t: { args: { '$.x': 5 } } }", "gait.yaml:5:36: an argument's rule is `ignore`, or one of"),
        ("tools: { t: { args: { '$.x': {} } } }", "gait.yaml:5:36: an argument's rule is"),
        ("tools: { t: { args: { '$.x': { within: 1, norm: path } } } }", "gait.yaml:5:36: an argument's rule is"),
        (
            "tools: { t: { args: { '$.x': { withn: 1 } } } }",
            "gait.yaml:5:38: unknown key `withn`, did you mean `within`?",
        ),
        ("tools: { t: { args: { '$.x': { within: -1 } } } }", "gait.yaml:5:46: `within` has to be a number, 0 or more"),
        ("tools: { t: { args: { '$.x': { similar: 1.1 } } } }", "gait.yaml:5:47: `similar` has to be"),
        (
            "tools: { t: { args: { '$.x': { norm: url } } } }",
            "gait.yaml:5:44: `norm` is \"url\", expected one of `path`",
        ),
        ("tools: { t: { count: { equal: 1 } } }", "gait.yaml:5:30: unknown key `equal`"),
        ("tools: { t: { count: { eq: -1 } } }", "gait.yaml:5:34: `eq` has to be 0 or more"),
        ("tools: { t: { count: { min: 2, max: 1 } } }", "gait.yaml:5:28: `min` is greater than `max`"),
        ("tools: { t: { status: 1 } }", "gait.yaml:5:29: `status` has to be a text"),
    ];
    for (block, want) in table {
        let error = suite(block).err().unwrap_or_else(|| panic!("{block} is taken")).to_string();
        assert!(error.starts_with(want), "{block}:\n{error}");
    }
}

#[test]
fn unknown_keys_are_reported_with_place_and_neighbour() {
    let suite = suite("ordr: strict\ntools: { t: { arg: {}, count: { eq: 1, mx: 2 } } }").unwrap();
    assert_eq!(
        suite.warnings,
        [
            "gait.yaml:6:46: unknown key `mx`, did you mean `max`?".to_owned(),
            "gait.yaml:6:21: unknown key `arg`, did you mean `args`?".to_owned(),
            "gait.yaml:5:7: unknown key `ordr`, did you mean `order`?".to_owned(),
        ]
    );
    // What later versions will know is unknown as long as nothing comes of it.
    let text = "defaults: { trials: 2 }\nfixtures: [{ name: a, runpack: a.zip, later: {} }]";
    assert_eq!(parsed(text).unwrap().warnings.len(), 1);
}

#[test]
fn a_fixture_goes_over_the_defaults_key_by_key() {
    let text = "defaults: { trials: 5, min_pass: 4, match: { order: subset, never: [x] } }\nfixtures:\n\
                - { name: a, runpack: a.zip }\n- { name: b, runpack: b.zip, min_pass: 3, match: { order: strict } }\n";
    let suite = parsed(text).unwrap();
    let [a, b] = [&suite.fixtures[0].settings, &suite.fixtures[1].settings];
    assert_eq!((a, a.trials, a.min_pass), (&suite.defaults, Some(5), Some(4)));
    assert_eq!((b.trials, b.min_pass), (Some(5), Some(3)));
    let rules = b.rules.as_ref().unwrap();
    assert_eq!((rules.order, rules.never.as_ref().map(Vec::len)), (Some(Order::Strict), Some(1)));
}

#[test]
fn an_agent_is_read_or_refused_at_its_place() {
    for (agent, want) in [
        ("[a]", "gait.yaml:4:12: `agent` has to be a mapping"),
        ("{}", "gait.yaml:4:12: `agent` without `command`"),
        ("{ command: python }", "gait.yaml:4:23: `command` has to be a list: the program, then its arguments"),
        ("{ command: [] }", "gait.yaml:4:23: `command` has to be a list"),
        ("{ command: [''] }", "gait.yaml:4:23: `command` has to be a list"),
        ("{ command: [a, [b]] }", "gait.yaml:4:27: a word of `command` has to be a text"),
        ("{ command: [a], timeout: 120 }", "gait.yaml:4:37: `timeout` has to be a duration such as 120s"),
        ("{ command: [a], timeout: 0s }", "gait.yaml:4:37: `timeout` has to be a duration such as 120s"),
        ("{ command: [a], on_unmatched: halt }", "gait.yaml:4:42: `on_unmatched` has to be `tool_error` or `stop`"),
        ("{ command: [a], env: [A] }", "gait.yaml:4:33: `env` has to be a mapping"),
        (
            "{ command: [a], env: { A: yes, B: true } }",
            "gait.yaml:4:46: the value of `B` has to be a text: put it in quotes",
        ),
        ("{ command: [a], env: { 'A=': x } }", "gait.yaml:4:35: \"A=\" cannot be the name of a variable"),
    ] {
        let text = format!("fixtures:\n  - name: a\n    runpack: a.zip\n    agent: {agent}\n");
        let error = parsed(&text).unwrap_err().to_string();
        assert!(error.starts_with(want), "{agent}: {error}");
    }
    let unknown = "fixtures: [{ name: a, runpack: a.zip, agent: { command: [a], timout: 1s } }]";
    assert!(parsed(unknown).unwrap().warnings[0].contains("unknown key `timout`, did you mean `timeout`?"));
    let text = "defaults: { agent: { timeout: 2m, cwd: sub, env: { A: 1, B: x } } }\nfixtures:\n\
                - { name: a, runpack: a.zip }\n- { name: b, runpack: b.zip, agent: { command: [go, 1], env: { B: y } } }\n";
    let suite = parsed(text).unwrap();
    assert_eq!(suite.fixtures[0].settings.agent(), None, "no command, no agent");
    let (agent, command) = suite.fixtures[1].settings.agent().unwrap();
    assert_eq!(
        (command, agent.timeout().as_secs(), agent.cwd().as_str()),
        (&["go".into(), "1".into()][..], 120, "sub")
    );
    assert_eq!(agent.env.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>(), ["A=1", "B=y"]);
}

#[test]
fn trials_have_to_make_sense() {
    for (keys, want) in [
        ("min_pass: 2", "`min_pass` without `trials`"),
        ("trials: 2, min_pass: 3", "`min_pass` is 3, but there are only 2 `trials`"),
        ("trials: 0", "`trials` has to be 1 or more"),
        ("trials: 2, min_pass: 0", "`min_pass` has to be 1 or more"),
        ("trials: many", "`trials` has to be a whole number"),
    ] {
        let error = parsed(&format!("fixtures: [{{ name: a, runpack: a.zip, {keys} }}]")).unwrap_err().to_string();
        assert!(error.contains(want), "{keys}: {error}");
        parsed(&format!("defaults: {{ {keys} }}")).unwrap_err();
    }
}

#[test]
fn found_fixtures_have_the_defaults() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("found")).unwrap();
    std::fs::write(dir.path().join("found/runpack.zip"), "").unwrap();
    let path = dir.path().join("gait.yaml");
    std::fs::write(&path, "discover: ['*/runpack.zip']\ndefaults: { match: { order: subset }, trials: 1 }\n").unwrap();
    let suite = Suite::read(path.to_str().unwrap()).unwrap();
    let found = discover::discover(&suite).unwrap();
    assert_eq!((found.len(), &found[0].settings), (1, &suite.defaults));
    assert_eq!(suite.defaults.rules.as_ref().unwrap().order, Some(Order::Subset));
}
