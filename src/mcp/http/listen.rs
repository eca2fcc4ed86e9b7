//! A small HTTP server: one listener, one task for each connection.

use crate::kernel::error::{Error, Kind, Result};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
#[cfg(unix)]
use tokio::signal::unix::SignalKind;
use tokio::sync::mpsc;

/// Too many open files pass by.
const BREATH: Duration = Duration::from_millis(20);

/// Listens on the first of `addresses` that is free.
pub fn bind(addresses: &[SocketAddr]) -> Result<TcpListener> {
    let failed = |e| Error::new(Kind::InvalidInput, format!("cannot listen on {addresses:?}: {e}"));
    let listener = TcpListener::bind(addresses).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    Ok(listener)
}

/// The address a listener has.
pub fn address(listener: &TcpListener) -> Result<SocketAddr> {
    listener.local_addr().map_err(|e| Error::new(Kind::Internal, format!("cannot tell where we listen: {e}")))
}

/// A runtime of one thread; everything that runs on it ends when it is dropped.
pub fn runtime() -> Result<Runtime> {
    let failed = |e| Error::new(Kind::Internal, format!("cannot start a server: {e}"));
    Builder::new_current_thread().enable_all().build().map_err(failed)
}

/// Answers every request with `answer`, until it is dropped.
pub async fn serve<B, F>(listener: TcpListener, answer: impl Fn(Request<Incoming>) -> F + Send + Sync + 'static)
where
    B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
{
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let answer = Arc::new(answer);
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(BREATH).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let answer = answer.clone();
        let service = service_fn(move |request| {
            let answered = answer(request);
            async move { Ok::<_, Infallible>(answered.await) }
        });
        // What we do not say ourselves is said by nobody: no Date, no other spelling of a header.
        let connection = http1::Builder::new()
            .preserve_header_case(true)
            .auto_date_header(false)
            .serve_connection(TokioIo::new(stream), service);
        tokio::spawn(connection);
    }
}

/// Hears what asks this process to end: SIGINT, SIGTERM and SIGHUP; Ctrl-C elsewhere. Only on a runtime.
pub fn end_signals() -> Result<mpsc::Receiver<i32>> {
    let (tell, heard) = mpsc::channel(1);
    #[cfg(unix)]
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
        let failed = |e| Error::new(Kind::Internal, format!("cannot watch for signals: {e}"));
        let (mut signals, tell) = (tokio::signal::unix::signal(kind).map_err(failed)?, tell.clone());
        tokio::spawn(async move {
            signals.recv().await;
            let _ = tell.send(kind.as_raw_value()).await;
        });
    }
    #[cfg(not(unix))]
    tokio::spawn(async move {
        const INTERRUPT: i32 = 2;
        if tokio::signal::ctrl_c().await.is_ok() {
            let _ = tell.send(INTERRUPT).await;
        }
    });
    Ok(heard)
}
