//! A stage on HTTP: a door for each of its servers, and one for agents that do not speak MCP.

use crate::kernel::error::{Error, Kind, Result};
use crate::mcp::http::door::{self, Door};
use crate::mcp::http::guard::{Guard, token};
use crate::mcp::http::listen;
use crate::mcp::stage::Stage;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response, StatusCode};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;
use subtle::ConstantTimeEq as _;
use tokio::sync::oneshot;

/// Open doors; dropping them closes every connection and the listener.
pub struct Doors {
    /// Servers and their URLs.
    servers: Vec<(String, String)>,
    tools: String,
    close: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Doors {
    /// Opens private doors on a free port of loopback: nobody who was not told can guess their paths.
    pub fn open(stage: Arc<Stage>) -> Result<Self> {
        let guard = Guard::default();
        let listener = listen::bind(&guard.addresses("127.0.0.1:0")?)?;
        let names = stage.servers();
        let token = token()?;
        let paths = names.iter().zip(1..).map(|(name, number)| (name.clone(), format!("/{token}/mcp/{number}")));
        let paths = paths.collect();
        Self::on(stage, listener, guard, paths, format!("/{token}/tools"))
    }

    /// Opens doors on `listen` (`HOST:PORT`) that people can name: `/mcp` to `server`, else one to each server, `/mcp`
    /// to the only one and `/mcp/1`, `/mcp/2`, .. to several; and `/tools`. For `hosts` see [`Guard::addresses`].
    pub fn open_at(stage: Arc<Stage>, server: Option<&str>, listen: &str, hosts: &[String]) -> Result<Self> {
        let guard = Guard::new(hosts);
        let names = match server {
            Some(_) => vec![stage.server(server)?],
            None => stage.servers(),
        };
        let listener = listen::bind(&guard.addresses(listen)?)?;
        let one = names.len() == 1;
        let path = |number: usize| if one { "/mcp".to_owned() } else { format!("/mcp/{number}") };
        let paths = names.into_iter().zip(1..).map(|(name, number)| (name, path(number))).collect();
        Self::on(stage, listener, guard, paths, "/tools".to_owned())
    }

    fn on(
        stage: Arc<Stage>,
        listener: TcpListener,
        guard: Guard,
        paths: Vec<(String, String)>,
        tools: String,
    ) -> Result<Self> {
        let base = format!("http://{}", listen::address(&listener)?);
        let runtime = listen::runtime()?;
        let servers = paths.iter().map(|(name, path)| (name.clone(), format!("{base}{path}"))).collect();
        let tools_url = format!("{base}{tools}");
        let mut doors: Vec<(String, Door)> =
            paths.into_iter().map(|(name, path)| (path, Door::mcp(stage.clone(), name))).collect();
        doors.push((tools, Door::tools(stage)));
        let hall = Arc::new(Hall { guard, doors });
        let (close, closed) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new().name("gait-doors".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = closed => {}
                    () = listen::serve(listener, move |request| hall.clone().enter(request)) => {}
                }
            });
        });
        let thread = thread.map_err(|e| Error::new(Kind::Internal, format!("cannot start a server: {e}")))?;
        Ok(Self { servers, tools: tools_url, close: Some(close), thread: Some(thread) })
    }

    /// The servers of the stage, in its order, and the URL of each.
    pub fn servers(&self) -> &[(String, String)] {
        &self.servers
    }

    /// Where `POST {"tool": .., "args": ..}` answers `{"status": .., "result": ..}`.
    pub fn tools(&self) -> &str {
        &self.tools
    }
}

impl Drop for Doors {
    fn drop(&mut self) {
        drop(self.close.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Everything behind one listener.
struct Hall {
    guard: Guard,
    /// By path.
    doors: Vec<(String, Door)>,
}

impl Hall {
    async fn enter(self: Arc<Self>, request: Request<Incoming>) -> Response<Full<Bytes>> {
        if let Some(why) = self.guard.refuses(request.headers()) {
            return door::plain(StatusCode::FORBIDDEN, why);
        }
        let asked = request.uri().path().as_bytes();
        match self.doors.iter().find(|(path, _)| bool::from(path.as_bytes().ct_eq(asked))) {
            Some((_, door)) => door.answer(request).await,
            None => door::plain(StatusCode::NOT_FOUND, "gait replay: there is no such door"),
        }
    }
}
