//! Between clients and a real server on HTTP: requests and responses pass as they come, a copy of every message goes to
//! the journal first.

use crate::kernel::error::{Error, Kind, Result};
use crate::mcp::http::copy::Copy;
use crate::mcp::http::guard::Guard;
use crate::mcp::http::listen;
use crate::mcp::http::tap::{Note, Tap};
use crate::mcp::journal::{Place, Side, Writer};
use crate::mcp::veil;
use http_body_util::{Either, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue, TE};
use hyper::http::uri::{Authority, PathAndQuery, Scheme, Uri};
use hyper::{Method, Request, Response, StatusCode, Version};
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Headers that belong to one connection, besides those that `Connection` names.
const HOP: [&str; 7] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "transfer-encoding",
    "upgrade",
];
const SESSION: &str = "mcp-session-id";
/// Servers close idle connections without warning; we let go of them first.
const IDLE: Duration = Duration::from_secs(4);

type Outgoing = Either<Tap, Full<Bytes>>;

/// Where the real server is.
#[derive(Debug, Clone)]
pub struct Upstream {
    scheme: Scheme,
    authority: Authority,
    path: PathAndQuery,
    host: HeaderValue,
}

impl Upstream {
    /// Reads the server's URL.
    pub fn new(url: &str) -> Result<Self> {
        let wrong = |why: &str| Error::invalid(format!("--http {url:?} is no URL of an MCP server: {why}"));
        let hinted = |why: &str| wrong(why).hint("write it as clients do, such as https://tools.example/mcp");
        let parts = url.parse::<Uri>().map_err(|e| hinted(&e.to_string()))?.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err(hinted("it starts with no http:// or https://"));
        };
        if scheme != Scheme::HTTP && scheme != Scheme::HTTPS {
            return Err(hinted("it starts with no http:// or https://"));
        }
        if authority.as_str().contains('@') {
            return Err(wrong("it holds credentials").hint("have the client send them as a header"));
        }
        let host = HeaderValue::from_str(authority.as_str()).map_err(|e| hinted(&e.to_string()))?;
        let path = parts.path_and_query.unwrap_or_else(|| PathAndQuery::from_static("/"));
        Ok(Self { scheme, authority, path, host })
    }

    /// Its host, as a name for the server.
    pub fn host(&self) -> &str {
        self.authority.host()
    }

    /// Secrets that stand in the URL.
    fn secrets(&self) -> impl Iterator<Item = &str> {
        let pairs = self.path.query().unwrap_or_default().split('&');
        pairs.filter_map(|pair| pair.split_once('=')).filter(|(name, _)| veil::telling(name)).map(|(_, value)| value)
    }
}

/// A tee that listens.
pub struct Tee {
    upstream: Upstream,
    guard: Guard,
    listener: TcpListener,
    address: SocketAddr,
}

impl Tee {
    /// Listens on `listen` (`HOST:PORT`, port 0 for any), on loopback unless `hosts` names what else we may be called.
    pub fn open(upstream: Upstream, listen: &str, hosts: &[String]) -> Result<Self> {
        let guard = Guard::new(hosts);
        let listener = listen::bind(&guard.addresses(listen)?)?;
        let address = listen::address(&listener)?;
        Ok(Self { upstream, guard, listener, address })
    }

    /// What clients call instead of the server's URL. Its query may hold secrets, and is ours to add.
    pub fn url(&self) -> String {
        format!("http://{}{}", self.address, self.upstream.path.path())
    }

    /// Passes requests on until SIGINT, SIGTERM or SIGHUP; connections that are open then are cut. Calls `ready` once a
    /// signal ends it so. What ended it.
    pub fn run(self, journal: Arc<Writer>, ready: impl FnOnce()) -> Result<String> {
        self.upstream.secrets().for_each(|secret| journal.hide(secret));
        let (upstream, guard) = (self.upstream, self.guard);
        let runtime = listen::runtime()?;
        let ended = runtime.block_on(async {
            let client = client(&upstream.scheme)?;
            let passing = Arc::new(Passing {
                upstream,
                guard,
                journal,
                client,
                count: AtomicU64::new(0),
                sessions: Mutex::default(),
            });
            let serving = listen::serve(self.listener, move |request| pass(passing.clone(), request));
            let mut end = listen::end_signals()?;
            ready();
            tokio::select! {
                signal = end.recv() => Ok(signal.map_or_else(String::new, |signal| format!("signal {signal}"))),
                () = serving => Err(Error::new(Kind::Internal, "the listener is gone")),
            }
        });
        runtime.shutdown_background();
        ended
    }
}

fn client(scheme: &Scheme) -> Result<Client<HttpsConnector<HttpConnector>, Tap>> {
    let mut plain = HttpConnector::new();
    plain.set_nodelay(true);
    plain.enforce_http(false);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let wrong = |e: &dyn std::fmt::Display| Error::new(Kind::DependencyMissing, format!("cannot speak TLS: {e}"));
    let config = ClientConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().map_err(|e| wrong(&e))?;
    let config = if *scheme == Scheme::HTTPS {
        config.with_native_roots().map_err(|e| wrong(&e))?.with_no_client_auth()
    } else {
        config.with_root_certificates(RootCertStore::empty()).with_no_client_auth()
    };
    let connector =
        HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().wrap_connector(plain);
    Ok(Client::builder(TokioExecutor::new())
        .http1_preserve_header_case(true)
        .pool_idle_timeout(IDLE)
        .pool_timer(TokioTimer::new())
        .set_host(false)
        .build(connector))
}

/// What every exchange needs.
struct Passing {
    upstream: Upstream,
    guard: Guard,
    journal: Arc<Writer>,
    client: Client<HttpsConnector<HttpConnector>, Tap>,
    /// Exchanges so far.
    count: AtomicU64,
    /// The number of each session id.
    sessions: Mutex<HashMap<Vec<u8>, u64>>,
}

async fn pass(passing: Arc<Passing>, request: Request<Incoming>) -> Response<Outgoing> {
    if let Some(why) = passing.guard.refuses(request.headers()) {
        return own(StatusCode::FORBIDDEN, why);
    }
    let Some(path) = request.uri().path_and_query().cloned().filter(|_| request.method() != Method::CONNECT) else {
        return own(StatusCode::BAD_REQUEST, "gait: the request names no path");
    };
    let (mut parts, body) = request.into_parts();
    // Beside the server's own path there is its authorization, and nothing for a journal.
    let told = path.path() == passing.upstream.path.path();
    let session = passing.session(&parts.headers);
    let exchange = told.then(|| passing.count.fetch_add(1, Ordering::Relaxed) + 1);
    let place = Place { exchange, session };
    let note = |side, place| Note { journal: passing.journal.clone(), side, place };
    secrets(&parts.headers, |secret| passing.journal.hide(secret));
    let copy = told.then(|| (Copy::of_request(&parts.headers), note(Side::Client, place)));
    one_hop(&mut parts.headers);
    parts.headers.insert(HOST, passing.upstream.host.clone());
    parts.version = Version::HTTP_11;
    let uri = Uri::builder().scheme(passing.upstream.scheme.clone()).authority(passing.upstream.authority.clone());
    // A client that calls us by our URL does not know the query.
    let path = if told && path.query().is_none() { passing.upstream.path.clone() } else { path };
    let Ok(uri) = uri.path_and_query(path).build() else {
        return own(StatusCode::BAD_REQUEST, "gait: the request names no path");
    };
    parts.uri = uri;
    let response = match passing.client.request(Request::from_parts(parts, Tap::new(body, copy))).await {
        Ok(response) => response,
        Err(error) => {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            let why = format!("gait: no answer from {}: {error}{cause}", passing.upstream.authority);
            return own(StatusCode::BAD_GATEWAY, &why);
        }
    };
    let (mut parts, body) = response.into_parts();
    let place = Place { exchange, session: passing.session(&parts.headers).or(session) };
    let copy = Copy::of_response(&parts.headers).filter(|_| told).map(|copy| (copy, note(Side::Server, place)));
    one_hop(&mut parts.headers);
    parts.version = Version::HTTP_11;
    Response::from_parts(parts, Either::Left(Tap::new(body, copy)))
}

impl Passing {
    /// The number of the session that these headers name.
    fn session(&self, headers: &HeaderMap) -> Option<u64> {
        let id = headers.get(SESSION)?.as_bytes();
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let next = sessions.len() as u64 + 1;
        Some(*sessions.entry(id.to_vec()).or_insert(next))
    }
}

/// Gives every credential in these headers to `hide`: no server may echo it into the journal.
fn secrets(headers: &HeaderMap, hide: impl Fn(&str)) {
    for (name, value) in headers {
        let Ok(value) = value.to_str() else { continue };
        if name == AUTHORIZATION {
            hide(value.split_once(' ').map_or(value, |(_, credentials)| credentials).trim());
        } else if name == COOKIE {
            value.split(';').filter_map(|pair| pair.split_once('=')).for_each(|(_, value)| hide(value.trim()));
        } else if veil::telling(name.as_str()) {
            hide(value.trim());
        }
    }
}

/// Takes out what belongs to the connection it came on.
fn one_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|names| names.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in HOP {
        headers.remove(name);
    }
    if headers.get(TE).is_some_and(|te| te != "trailers") {
        headers.remove(TE);
    }
}

/// An answer of our own, where there is none of the server.
fn own(status: StatusCode, why: &str) -> Response<Outgoing> {
    let mut response = Response::new(Either::Right(Full::new(Bytes::from(format!("{why}\n")))));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
