//! Is `.gait/config.yaml` one to run in production with?

use crate::config::project::{DEFAULT_PATH, McpServe, Project};
use crate::doctor::check::{Check, quoted};
use crate::gate::{parse, token};
use crate::kernel::error::Error;
use crate::kernel::fs;
use camino::Utf8Path;
use std::net::IpAddr;

/// Largest request that `mcp serve` should take, in bytes.
const REQUEST_LIMIT: i64 = 4 << 20;
/// Where `mcp serve` listens unless told otherwise.
const LISTEN: &str = "127.0.0.1:8787";

/// The checks of a project's settings. Settings that cannot be read are all that is told of them.
pub fn checks(workdir: &Utf8Path) -> Vec<Check> {
    const NAME: &str = "production_readiness_config";
    let path = fs::clean(workdir.join(DEFAULT_PATH).as_str());
    let found = path.symlink_metadata();
    let project = if found.is_ok() { Project::load_from(path.as_str()) } else { Ok(Project::default()) };
    let (first, project) = match (found, project) {
        (Ok(_), Ok(project)) => (Check::pass(NAME, format!("{path} holds settings")), project),
        (_, Err(error)) => {
            let mended = format!("mend {}, which only holds known keys", quoted(&path));
            return vec![Check::fail(NAME, headline(&error)).fix(mended)];
        }
        (Err(error), Ok(project)) => {
            let made = format!("write the settings that are asked for below to {}", quoted(&path));
            (Check::fail(NAME, format!("{path}: {error}")).fix(made), project)
        }
    };
    let set = |what: &str| format!("set {what} in {}", quoted(&path));
    vec![
        first,
        one_of(&project, "production_profile", "profile", "oss-prod", &set),
        one_of(&project, "production_key_mode", "key_mode", "prod", &set),
        retention(&project, &set),
        boundary(&project.mcp_serve, &set),
        context(&project, workdir, &set),
    ]
}

/// Writes how a setting is set.
type Set<'s> = &'s dyn Fn(&str) -> String;

fn gate<'p>(project: &'p Project, key: &str) -> &'p str {
    project.gate.get(key).map_or("", String::as_str)
}

/// A key of `gate` that has to have one value, in any case.
fn one_of(project: &Project, name: &'static str, key: &str, want: &str, set: Set<'_>) -> Check {
    let have = gate(project, key);
    if have.eq_ignore_ascii_case(want) {
        let variable = if key == "key_mode" { unset(gate(project, "private_key_env")) } else { String::new() };
        return Check::pass(name, format!("gate.{key} is {want}{variable}"));
    }
    let have = if have.is_empty() { "not set" } else { have };
    Check::fail(name, format!("gate.{key} is {have}")).fix(set(&format!("gate.{key}={want}")))
}

/// A remark about a variable that holds nothing here; it may where the service runs.
fn unset(variable: &str) -> String {
    let holds = variable.is_empty() || std::env::var(variable).is_ok_and(|value| !value.trim().is_empty());
    if holds { String::new() } else { format!("; variable {variable} is not set here") }
}

fn retention(project: &Project, set: Set<'_>) -> Check {
    const NAME: &str = "production_retention";
    for (key, usual) in [("trace_ttl", "168h"), ("session_ttl", "336h"), ("export_ttl", "168h")] {
        match project.retention.get(key).map(|written| (written, token::ttl(written))) {
            None => {
                let fix = set(&format!("retention.{key}={usual}"));
                return Check::fail(NAME, format!("retention.{key} is not set")).fix(fix);
            }
            Some((written, Err(_))) => {
                return Check::fail(
                    NAME,
                    format!("retention.{key} is {written:?}, which is no positive duration like {usual}"),
                );
            }
            Some((_, Ok(_))) => {}
        }
    }
    Check::pass(NAME, "traces, sessions and exports are kept for a time")
}

/// How `mcp serve` may be reached, by whom, with what.
fn boundary(serve: &McpServe, set: Set<'_>) -> Check {
    const NAME: &str = "production_service_boundary";
    if !serve.enabled && serve.listen.is_empty() {
        return Check::pass(NAME, "mcp_serve is not configured");
    }
    let fail = |what: String, fix: &str| Check::fail(NAME, what).fix(set(fix));
    let listen = if serve.listen.is_empty() { LISTEN } else { &serve.listen };
    let Some(loopback) = is_loopback(listen) else {
        return Check::fail(NAME, format!("mcp_serve.listen {listen:?} is no host and port"));
    };
    if !loopback && serve.auth_mode != "token" {
        return fail(
            format!("{listen} is reached from other machines, and nobody is asked for a token"),
            "mcp_serve.auth_mode=token",
        );
    }
    if serve.auth_mode == "token" && serve.auth_token_env.is_empty() {
        return fail("mcp_serve.auth_mode is token, and no variable holds one".to_owned(), "mcp_serve.auth_token_env");
    }
    if serve.allow_client_artifact_paths {
        let what = "clients may name the files that are written".to_owned();
        return fail(what, "mcp_serve.allow_client_artifact_paths=false");
    }
    if !(1..=REQUEST_LIMIT).contains(&serve.max_request_bytes) {
        let what = format!("mcp_serve.max_request_bytes is {}, not from 1 to {REQUEST_LIMIT}", serve.max_request_bytes);
        return fail(what, "mcp_serve.max_request_bytes=1048576");
    }
    if serve.http_verdict_status != "strict" {
        let what = "a blocked call is answered like an allowed one".to_owned();
        return fail(what, "mcp_serve.http_verdict_status=strict");
    }
    Check::pass(NAME, format!("{listen} is guarded{}", unset(&serve.auth_token_env)))
}

/// Whether only this machine reaches `host:port`; `None` when it is none.
fn is_loopback(listen: &str) -> Option<bool> {
    let (host, port) = listen.rsplit_once(':')?;
    port.parse::<u16>().ok()?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let address = bare.parse::<IpAddr>();
    let clear = !bare.contains(':') || bare.len() < host.len();
    clear.then(|| address.map_or(bare.eq_ignore_ascii_case("localhost"), |address| address.is_loopback()))
}

/// Whether every call is held to a policy that can be read.
fn context(project: &Project, workdir: &Utf8Path, set: Set<'_>) -> Check {
    const NAME: &str = "production_context_strictness";
    if !gate(project, "profile").eq_ignore_ascii_case("oss-prod") {
        return Check::fail(NAME, "gate.profile is not oss-prod");
    }
    let policy = gate(project, "policy");
    if policy.is_empty() {
        return Check::fail(NAME, "gate.policy is not set").fix(set("gate.policy"));
    }
    let path = fs::clean(workdir.join(policy).as_str());
    match parse::read(path.as_str()) {
        Ok(_) => Check::pass(NAME, format!("calls are held to {path} under oss-prod")),
        Err(error) => Check::fail(NAME, headline(&error)).fix(format!("gait policy validate {}", quoted(&path))),
    }
}

/// What an error says in its first line: the rest shows the place.
fn headline(error: &Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}
