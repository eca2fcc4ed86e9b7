//! What made the workflow run, and what may be said where.

use crate::api::Api;
use crate::runner::{HEAD, MERGE, Runner, payload};
use serde_json::json;

const CALL: &str = r#"{"tool":"refund","args":{"amount":5},"result":{}}"#;

fn runner(api: &Api) -> Runner {
    let runner = Runner::new().env("GITHUB_API_URL", &api.url).with("token", "secret-token");
    runner.fixture("refund", &[CALL]);
    runner
}

#[test]
fn no_call_is_made_where_nobody_is_to_be_told() {
    for (name, payload) in [("push", payload("push")), ("schedule", json!({})), ("merge_group", payload("merge_group"))]
    {
        let api = Api::start();
        let step = runner(&api).event(name, &payload).run().code(0);
        assert!(step.summary.contains("1 of 1 fixtures passed"), "{name}");
        assert_eq!(step.stdout.contains("merge group of pull request #7"), name == "merge_group");
        assert_eq!(api.calls(), Vec::<String>::new(), "{name}");
    }
    let api = Api::start();
    runner(&api).with("comment", "off").run().code(0);
    assert_eq!(api.calls(), Vec::<String>::new());
}

#[test]
fn a_check_run_is_at_the_commit_people_know() {
    for (name, payload, sha) in [
        ("push", payload("push"), MERGE),
        ("pull_request", payload("pull_request"), HEAD),
        ("merge_group", payload("merge_group"), HEAD),
        ("workflow_run", payload("workflow_run"), HEAD),
    ] {
        let api = Api::start();
        runner(&api).event(name, &payload).with("checks", "true").with("comment", "off").run().code(0);
        let state = api.state.lock().unwrap();
        assert_eq!((&state.checks[0]["head_sha"], &state.checks[0]["conclusion"]), (&sha.into(), &"success".into()));
    }
}

#[test]
fn a_number_from_an_artifact_is_checked() {
    let api = Api::start();
    let mut runner = runner(&api).event("workflow_run", &payload("workflow_run"));
    runner.run().code(0).says(&["the event names no pull request"]);
    assert_eq!(api.calls(), Vec::<String>::new());
    runner.set("pr-number", "8");
    runner.run().code(0).says(&["the head of pull request #8 is not"]);
    assert_eq!(api.bodies(), Vec::<String>::new());
    runner.set("pr-number", "7");
    runner.run().code(0);
    assert_eq!(api.bodies().len(), 1);
}

#[test]
fn a_fork_is_told_what_would_help() {
    let api = Api::start();
    for fork in ["pull_request_fork", "pull_request_gone"] {
        api.instead(("POST", "/comments"), 403, "", 1);
        let fork = runner(&api).event("pull_request", &payload(fork));
        let step = fork.run().code(0).says(&["the comment was not published", "regress-fork-comment.yml"]);
        assert!(!step.stdout.contains("permissions:\n"), "{}", step.stdout);
    }
    api.instead(("POST", "/comments"), 403, "", 1);
    let own = runner(&api);
    own.run().code(0).says(&["permissions:\n  contents: read\n  pull-requests: write\n"]);
}

#[test]
fn an_event_that_cannot_be_read_is_told_and_the_verdict_stands() {
    let runner = Runner::new().event("pull_request", &json!("nonsense"));
    runner.fixture("refund", &[CALL]);
    runner.run().code(0);
    let runner = runner.env("GITHUB_EVENT_PATH", "/nowhere/event.json");
    runner.run().code(0).says(&["the event cannot be read"]);
}
