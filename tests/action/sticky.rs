//! The comment that stays, and everything that can go wrong on the way to it.

use crate::api::{Api, BOT};
use crate::runner::{Runner, Step};

const FIVE: &str = r#"{"tool":"refund","args":{"amount":5},"result":{}}"#;
const MORE: &str = r#"{"tool":"refund","args":{"amount":500},"result":{}}"#;

/// Three fixtures, one of which fails today.
fn runner(api: &Api) -> Runner {
    let runner = Runner::new().env("GITHUB_API_URL", &api.url).with("token", "secret-token");
    let runner = runner.with("candidate-dir", "candidates");
    runner.fixture("a", &[FIVE]).fixture("b", &[FIVE]).fixture("c", &[FIVE]);
    runner.today("a", &[FIVE]).today("b", &[MORE]).today("c", &[FIVE]);
    runner
}

fn push(runner: &mut Runner, run: &str) {
    runner.env.insert("GITHUB_RUN_ID".to_owned(), run.to_owned());
}

#[test]
fn three_pushes_are_one_comment_that_says_what_changed() {
    let api = Api::start();
    let mut runner = runner(&api);
    let step = runner.run().code(5);
    assert_eq!(step.output("comment-url"), "https://github.com/octo/agent/pull/7#issuecomment-1");
    let [first] = &api.bodies()[..] else { panic!() };
    for part in
        ["1 of 3 fixtures failed", "call 1 refund: changed", "+ /args/amount: 500", "gait run diff ", "GAIT run_id="]
    {
        assert!(first.contains(part), "{part} not in {first}");
    }
    assert!(!first.contains("Since the last run"), "{first}");
    push(&mut runner, "901");
    runner.today("a", &[MORE]).today("b", &[FIVE]);
    runner.run().code(5);
    let [second] = &api.bodies()[..] else { panic!() };
    assert!(second.contains("- new failure: `a/diff`\n- fixed: `b/diff`\n"), "{second}");
    push(&mut runner, "902");
    runner.set("args", "--skip c/");
    runner.run().code(5);
    let [third] = &api.bodies()[..] else { panic!() };
    assert!(third.contains("- removed case: `c/diff`, `c/expected_exit_code`, `c/schema_validation`\n"), "{third}");
    assert!(third.contains("run `902`") && third.contains("run `901`") && third.contains("run `900`"), "{third}");
    // The same run again: nothing is sent.
    api.calls();
    runner.run().code(5);
    assert!(api.calls().iter().all(|call| call.starts_with("GET ")));
    assert_eq!(&api.bodies()[0], third);
}

#[test]
fn ours_is_found_on_a_late_page_and_a_strangers_is_left_alone() {
    let api = Api::start();
    let mut runner = runner(&api);
    runner.run().code(5);
    let own = api.state.lock().unwrap().comments.remove(0);
    for n in 0..230 {
        api.comment("ada", &format!("comment {n}"));
    }
    let stranger = own["body"].as_str().unwrap().replace("1 of 3", "0 of 3");
    api.comment("mallory", &stranger);
    api.state.lock().unwrap().comments.insert(215, own);
    api.comment("mallory", &stranger);
    push(&mut runner, "901");
    api.calls();
    runner.run().code(5);
    let calls = api.calls();
    assert_eq!(calls.iter().filter(|call| call.contains("/comments?")).count(), 3, "{calls:?}");
    assert!(calls.contains(&"PATCH /repos/octo/agent/issues/comments/1".to_owned()), "{calls:?}");
    assert_eq!(api.bodies().iter().filter(|body| **body == stranger).count(), 2);
    assert_eq!(api.bodies().len(), 233);
}

#[test]
fn a_stranger_alone_gets_company_not_edits() {
    let api = Api::start();
    let runner = runner(&api);
    runner.run().code(5);
    let body = api.bodies()[0].clone();
    api.state.lock().unwrap().comments.clear();
    api.comment("mallory", &body);
    runner.run().code(5);
    assert_eq!(api.bodies().len(), 2);
    // As another user, and as an app that is named.
    for (login, author) in [("gait-bot", ""), ("", "my-app[bot]")] {
        let mut state = api.state.lock().unwrap();
        state.comments.clear();
        login.clone_into(&mut state.login);
        drop(state);
        let own = if login.is_empty() { author } else { login };
        api.comment(own, &format!("{}\nold", body.lines().next().unwrap()));
        let mut runner = crate::sticky::runner(&api);
        runner.set("comment-author", author);
        runner.run().code(5);
        assert_eq!(api.bodies().len(), 1, "{own}");
        assert!(api.bodies()[0].contains("1 of 3"));
    }
}

#[test]
fn the_modes_differ() {
    let api = Api::start();
    let mut runner = runner(&api);
    runner.set("comment", "failures");
    runner.set("candidate-dir", "");
    runner.run().code(0);
    assert_eq!(api.bodies().len(), 0, "a pass begins no comment");
    runner.set("candidate-dir", "candidates");
    runner.run().code(5);
    push(&mut runner, "901");
    runner.set("candidate-dir", "");
    runner.run().code(0);
    assert!(api.bodies()[0].contains("pass: 3 of 3"), "an older one turns green");
    runner.set("comment", "recreate");
    push(&mut runner, "902");
    runner.run().code(0);
    let state = api.state.lock().unwrap();
    assert_eq!((state.comments.len(), &state.comments[0]["id"]), (1, &2.into()));
    drop(state);
    runner.set("comment", "new");
    runner.run().code(0);
    assert_eq!(api.bodies().len(), 2);
    runner.set("config", "missing.yaml");
    runner.set("comment", "failures");
    runner.run().code(6);
    assert!(api.bodies().last().unwrap().contains("cannot read missing.yaml"), "an error is told too");
}

#[test]
fn other_jobs_have_other_comments() {
    let api = Api::start();
    let mut runner = runner(&api);
    let runs = [("matrix", r#"{"os":"linux"}"#), ("matrix", r#"{"os":"mac"}"#), ("workdir", "./.")];
    for (name, value) in runs {
        runner.set(name, value);
        runner.run().code(5);
    }
    assert_eq!(api.bodies().len(), runs.len());
}

/// The files and outputs of a step that published nothing have to be these.
fn same(step: &Step, runner: &Runner, want: &(String, String)) {
    assert_eq!(step.code, 5, "{}", step.stdout);
    assert_eq!((&step.summary, &runner.text("gait-ci/summary.txt")), (&want.0, &want.1));
    assert_eq!(step.output("comment-url"), "");
    assert!(step.commands.iter().all(|command| command.name == "error" && command.message.contains("refund")));
    assert_eq!(step.commands.len(), 1, "{:?}", step.commands);
}

#[test]
fn publishing_never_changes_the_verdict() {
    let api = Api::start();
    let mut runner = runner(&api);
    let step = runner.run().code(5);
    let want = (step.summary, runner.text("gait-ci/summary.txt"));
    for (status, headers, told) in [
        (401, "", "GitHub answered 401"),
        (403, "", "GitHub answered 403"),
        (404, "", "GitHub answered 404"),
        (422, "", "GitHub answered 422"),
        (429, "retry-after: 3600\r\n", "rate limit is used up for 3600 s"),
        (429, "", "rate limit is used up"),
        (403, "x-ratelimit-remaining: 0\r\n", "rate limit is used up"),
        (500, "", "GitHub answered 500"),
    ] {
        let api = Api::start();
        api.instead(("POST", "/comments"), status, headers, 9);
        api.instead(("POST", "/check-runs"), status, headers, 9);
        runner.set("checks", "true");
        runner.env.insert("GITHUB_API_URL".to_owned(), api.url.clone());
        let step = runner.run().says(&["the comment was not published", "the check run was not published", told]);
        same(&step, &runner, &want);
        let posts = api.calls().iter().filter(|call| call.starts_with("POST ")).count();
        assert_eq!(posts, 2, "a POST is not repeated ({status})");
    }
    // Nobody listens.
    runner.env.insert("GITHUB_API_URL".to_owned(), "http://127.0.0.1:9".to_owned());
    let step = runner.run().says(&["the comment was not published: GitHub cannot be reached"]);
    same(&step, &runner, &want);
    runner.set("token", "");
    let step = runner.run().says(&["not published: input token is empty"]);
    same(&step, &runner, &want);
    runner.set("token", "another-token");
    runner.env.insert("GITHUB_API_URL".to_owned(), api.url.clone());
    let step = runner.run().says(&["GitHub answered 401: Bad credentials"]);
    assert!(!step.stdout.contains("another-token"));
    same(&step, &runner, &want);
}

#[test]
fn what_may_be_repeated_is() {
    let api = Api::start();
    api.instead(("GET", "/comments"), 502, "", 1);
    api.instead(("POST", "/comments"), 429, "retry-after: 0\r\n", 1);
    let runner = runner(&api);
    runner.run().code(5);
    assert_eq!(api.bodies().len(), 1);
    let calls = api.calls();
    let count = |what: &str| calls.iter().filter(|call| call.starts_with(what)).count();
    assert_eq!((count("GET "), count("POST ")), (2, 2), "{calls:?}");
    assert!(api.state.lock().unwrap().comments[0]["user"]["login"] == BOT);
}

#[test]
fn a_check_run_takes_the_place_of_the_commands() {
    let api = Api::start();
    let runner = runner(&api).with("checks", "true");
    let step = runner.run().code(5);
    assert_eq!(step.commands, [], "the check run has the annotations");
    let state = api.state.lock().unwrap();
    let annotation = &state.checks[0]["output"]["annotations"][0];
    assert_eq!((&annotation["path"], &annotation["annotation_level"]), (&"gait.yaml".into(), &"failure".into()));
}

#[test]
fn who_does_not_answer_is_not_waited_for() {
    use gait::action::github::{Call, Failure, GitHub, Times};
    use std::time::Duration;
    let api = Api::start();
    api.state.lock().unwrap().silent = true;
    let short = Duration::from_millis(50);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let asked = runtime.block_on(async {
        let github =
            GitHub::new(&api.url, "secret-token", Times { answer: short, pause: short, total: short }).unwrap();
        github.call(Call::Get, "/user").await.map(|answer| answer.body)
    });
    assert_eq!(asked, Err(Failure::TimedOut));
}
