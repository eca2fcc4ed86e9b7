//! The crate `rmcp` as a real client in front of the tee and of the replay, and as a real server behind the tee.

use crate::kit::{Place, Tests, calls, own, read};
use crate::server::{self, ROLE};
use crate::web::{self, Listening};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rmcp::model::{CallToolRequestParams, JsonObject, ProtocolVersion};
use rmcp::service::RunningService;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::transport::{StreamableHttpClientTransport, TokioChildProcess, stdio};
use rmcp::{ClientLifecycleMode, ClientServiceExt as _, RoleClient, ServiceExt as _, tool, tool_router};
use rustix::process::Signal;
use serde_json::json;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

pub const TESTS: Tests = &[
    ("a_real_client_and_a_real_server", a_real_client_and_a_real_server),
    ("both_eras_on_http", both_eras_on_http),
    ("a_server_behind_tls", a_server_behind_tls),
];

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
        chat(().serve(transport).await.unwrap()).await
    })
}

async fn chat(client: RunningService<RoleClient, ()>) -> Vec<String> {
    let mut heard: Vec<String> =
        client.list_all_tools().await.unwrap().iter().map(|tool| tool.name.to_string()).collect();
    for name in ["Ada", "Grace"] {
        let args = json!({"name": name}).as_object().unwrap().clone();
        let call = client.call_tool(CallToolRequestParams::new("greet").with_arguments(args));
        heard.push(serde_json::to_string(&call.await.unwrap().content).unwrap());
    }
    client.cancel().await.unwrap();
    heard
}

/// The same on HTTP.
fn talk_http(url: &str, mode: ClientLifecycleMode) -> Vec<String> {
    runtime().block_on(async {
        let transport = StreamableHttpClientTransport::from_uri(url);
        chat(().serve_with_lifecycle(transport, mode).await.unwrap()).await
    })
}

/// The greeter on HTTP or HTTPS, in a thread of its own; its port.
fn greeter(tls: Option<TlsAcceptor>, config: StreamableHttpServerConfig) -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        runtime().block_on(async {
            let sessions = Arc::new(LocalSessionManager::default());
            let service = TowerToHyperService::new(StreamableHttpService::new(|| Ok(Greeter), sessions, config));
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (service, http, tls) = (service.clone(), http1::Builder::new(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        // A client that does not trust us is gone already.
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                drop(http.serve_connection(TokioIo::new(stream), service).await);
                            }
                        }
                        None => drop(http.serve_connection(TokioIo::new(stream), service).await),
                    }
                });
            }
        });
    });
    port
}

fn both_eras_on_http() {
    let newest = || vec![ProtocolVersion::V_2026_07_28];
    let discover = || ClientLifecycleMode::Discover { preferred_versions: newest() };
    let auto = || ClientLifecycleMode::Auto { preferred_versions: newest(), legacy_version: None };
    let json = StreamableHttpServerConfig::default().with_legacy_session_mode(false).with_json_response(true);
    for (mode, config) in [
        (ClientLifecycleMode::Initialize, StreamableHttpServerConfig::default()),
        (ClientLifecycleMode::Initialize, json.clone()),
        (discover(), StreamableHttpServerConfig::default()),
        (auto(), json),
    ] {
        let place = Place::new();
        let url = format!("http://127.0.0.1:{}/mcp", greeter(None, config));
        let heard = talk_http(&url, mode.clone());
        assert_eq!(heard.len(), 3);
        let tee = Listening::tee(&place, &url, &[]);
        assert_eq!(talk_http(&tee.url, mode.clone()), heard, "{mode:?}");
        let path = tee.end(&place, Signal::TERM);
        assert_eq!(place.verified(&path)["truncated"], json!(null));
        let (pack, catalog) = read(&path);
        assert!(calls(&pack).iter().map(|(tool, _, status)| (tool.as_str(), status.as_str())).eq([("greet", "ok"); 2]));
        assert_eq!(catalog.servers[0].tools.len(), 1);
        let old = mode == ClientLifecycleMode::Initialize;
        assert_eq!(catalog.servers[0].protocol_version.as_str(), if old { server::OLD } else { server::NEW });
        // The recording answers its own client, one that probes, and an older one.
        for client in [mode.clone(), auto(), ClientLifecycleMode::Initialize] {
            let args =
                ["mcp", "replay", "--from", path.as_str(), "--listen", "127.0.0.1:0", "--candidate-out", "c.zip"];
            let mut replay = Listening::start(&place, &args);
            assert_eq!(talk_http(&replay.url, client.clone()), heard, "{mode:?} {client:?}");
            replay.signal(Signal::TERM);
            assert_eq!(replay.session.ended().0, 0);
            let candidate = std::fs::read(place.path().join("c.zip")).unwrap();
            assert!(candidate == std::fs::read(&path).unwrap(), "equal behaviour, equal bytes");
        }
    }
}

fn a_server_behind_tls() {
    let place = Place::new();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = made.signing_key.serialize_der().try_into().unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    let port = greeter(Some(TlsAcceptor::from(Arc::new(config))), StreamableHttpServerConfig::default());
    std::fs::write(place.path().join("root.pem"), made.cert.pem()).unwrap();
    let url = format!("https://localhost:{port}/mcp");
    let mut command = place.gait(&["mcp", "record", "--http", &url]);
    command.env("SSL_CERT_FILE", place.path().join("root.pem"));
    let tee = Listening::of(command);
    assert_eq!(talk_http(&tee.url, ClientLifecycleMode::Initialize).len(), 3);
    assert_eq!(calls(&read(&tee.end(&place, Signal::TERM)).0).len(), 2);
    // A certificate nobody vouches for is no server.
    let other = Place::new();
    std::fs::write(other.path().join("root.pem"), rcgen::generate_simple_self_signed([]).unwrap().cert.pem()).unwrap();
    let mut command = other.gait(&["mcp", "record", "--http", &url]);
    command.env("SSL_CERT_FILE", other.path().join("root.pem"));
    let tee = Listening::of(command);
    let mut stream = web::connect(&tee.address);
    web::say(&mut stream, web::post("localhost", "", "{}"));
    assert_eq!(web::hear(&mut stream).unwrap().line, "HTTP/1.1 502 Bad Gateway");
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
