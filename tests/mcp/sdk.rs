//! The crate `rmcp` as a real client in front of the tee and of the replay, and as a real server behind the tee.

use crate::kit::{Place, Tests, calls, own, read};
use crate::server::ROLE;
use rmcp::model::{CallToolRequestParams, JsonObject};
use rmcp::transport::{TokioChildProcess, stdio};
use rmcp::{ServiceExt as _, tool, tool_router};
use serde_json::json;
use std::process::{Command, ExitCode};

pub const TESTS: Tests = &[("a_real_client_and_a_real_server", a_real_client_and_a_real_server)];

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[derive(Clone)]
struct Greeter;

#[tool_router(server_handler)]
impl Greeter {
    /// Greets somebody.
    #[tool]
    fn greet(&self, args: JsonObject) -> String {
        format!("hello {}", args["name"])
    }
}

pub fn server() -> ExitCode {
    runtime().block_on(async {
        let service = Greeter.serve(stdio()).await.unwrap();
        service.waiting().await.unwrap();
    });
    ExitCode::SUCCESS
}

/// Lists the tools and greets two people; everything that was heard.
fn talk(command: Command) -> Vec<String> {
    runtime().block_on(async {
        let transport = TokioChildProcess::new(tokio::process::Command::from(command)).unwrap();
        let client = ().serve(transport).await.unwrap();
        let mut heard: Vec<String> =
            client.list_all_tools().await.unwrap().iter().map(|tool| tool.name.to_string()).collect();
        for name in ["Ada", "Grace"] {
            let args = json!({"name": name}).as_object().unwrap().clone();
            let call = client.call_tool(CallToolRequestParams::new("greet").with_arguments(args));
            heard.push(serde_json::to_string(&call.await.unwrap().content).unwrap());
        }
        client.cancel().await.unwrap();
        heard
    })
}

fn a_real_client_and_a_real_server() {
    let place = Place::new();
    let own = own();
    let mut plain = place.command(&own, &[]);
    plain.env(ROLE, "rmcp");
    let mut tee = place.gait(&["mcp", "record", "--run-dir", "run", "--", &own]);
    tee.env(ROLE, "rmcp");
    let heard = talk(plain);
    assert_eq!(heard.len(), 3);
    assert_eq!(talk(tee), heard);
    place.run(&["run", "seal", "run", "--out", "pack.zip"], 0);
    let path = place.path().join("pack.zip");
    assert_eq!(place.verified(&path)["truncated"], json!(null));
    let (pack, catalog) = read(&path);
    assert_eq!(calls(&pack).len(), 2);
    assert_eq!(catalog.servers[0].tools.len(), 1);
    let replayed = talk(place.gait(&["mcp", "replay", "--from", path.as_str(), "--candidate-out", "candidate.zip"]));
    assert_eq!(replayed, heard);
}
