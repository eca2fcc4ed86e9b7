//! Many failures: GitHub's limits hold, the worst comes first, and what is left out is said.

use crate::api::Api;
use crate::runner::Runner;
use std::fs;

/// 120 fixtures that fail, of which the last cannot be read.
fn many(api: &Api) -> Runner {
    let runner =
        Runner::new().env("GITHUB_API_URL", &api.url).with("token", "secret-token").with("candidate-dir", "candidates");
    let long = "x".repeat(9_000);
    let call = |amount: &str| {
        format!(r#"{{"tool":"refund","args":{{"amount":{amount},"text":"{long}{amount}"}},"result":{{}}}}"#)
    };
    runner.fixture("base", &[&call("5")]);
    runner.today("today", &[&call("500")]);
    let (base, today) = ("fixtures/base/runpack.zip", "candidates/today.zip");
    let mut yaml = "schema_id: gait.regress.config\nschema_version: 1.0.0\nfixture_set: many\nfixtures:\n".to_owned();
    for n in 0..120 {
        let name = format!("f{n:03}");
        let folder = runner.path(&format!("fixtures/{name}"));
        fs::create_dir_all(&folder).unwrap();
        let metadata = runner.text("fixtures/base/fixture.json").replace("\"base\"", &format!("\"{name}\""));
        runner.file(&format!("fixtures/{name}/fixture.json"), metadata);
        fs::copy(runner.path(base), folder.join("runpack.zip")).unwrap();
        fs::copy(runner.path(today), runner.path(&format!("candidates/{name}.zip"))).unwrap();
        yaml.push_str(&format!("  - name: {name}\n    runpack: fixtures/{name}/runpack.zip\n"));
    }
    fs::write(runner.path("fixtures/f119/runpack.zip"), "no zip").unwrap();
    runner.file("gait.yaml", yaml);
    runner
}

#[test]
fn a_hundred_and_twenty_failures_fit() {
    let api = Api::start();
    let runner = many(&api);
    let step = runner.run().code(6);
    assert_eq!((step.output("failed"), step.output("passed")), ("120", "0"));
    assert_eq!(step.commands.len(), 10);
    assert!(step.commands.iter().all(|c| c.name == "error" && c.message.encode_utf16().count() <= 4_096));
    assert_eq!(step.commands[0].properties["title"], "f119/load failed");
    assert!(step.commands[9].message.starts_with("111 more failing cases"), "{:?}", step.commands[9]);
    assert!(step.summary.len() <= 900_000, "{}", step.summary.len());
    let [body] = &api.bodies()[..] else { panic!() };
    assert!(body.len() <= 60_000, "{}", body.len());
    for text in [&step.summary, body] {
        assert!(text.contains("Look at `f119` first"), "{}", &text[..600]);
        assert_eq!(text.matches("| **fail** |").count(), 120);
        let told = text.matches("\n### `f").count();
        let left =
            text.split_once("The details of ").map_or(0, |(_, rest)| rest.split(' ').next().unwrap().parse().unwrap());
        assert_eq!(told + left, 120);
        assert!(text.find("### `f119`").unwrap() < text.find("### `f000`").unwrap());
    }
    assert!(step.output("ticket-footer").lines().count() == 119);
}

#[test]
fn a_check_run_has_what_the_commands_leave_out() {
    let api = Api::start();
    let step = many(&api).with("checks", "true").with("comment", "off").run().code(6);
    assert_eq!(step.commands, []);
    let state = api.state.lock().unwrap();
    let annotations = state.checks[0]["output"]["annotations"].as_array().unwrap();
    assert_eq!(annotations.len(), 120);
    assert_eq!(annotations[0]["title"], "f119/load failed");
}
