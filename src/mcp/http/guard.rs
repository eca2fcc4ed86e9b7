//! Who may speak to a server of ours: a page in a browser can reach loopback, but it cannot choose Host and Origin.

use crate::kernel::digest::hex;
use crate::kernel::error::{Error, Kind, Result};
use hyper::header::{HOST, HeaderMap, HeaderValue, ORIGIN};
use hyper::http::uri::{Authority, Uri};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};

/// The names a request may use for us.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    /// Hosts besides those of loopback, without port.
    hosts: Vec<String>,
}

impl Guard {
    /// Loopback, and `hosts`.
    pub fn new(hosts: &[String]) -> Self {
        Self { hosts: hosts.iter().map(|host| bare(host).to_ascii_lowercase()).collect() }
    }

    /// The addresses behind `listen` (`HOST:PORT`). Others than loopback are refused unless further hosts were named.
    pub fn addresses(&self, listen: &str) -> Result<Vec<SocketAddr>> {
        let found = listen.to_socket_addrs().map_err(|e| {
            Error::invalid(format!("--listen {listen:?} is no address: {e}"))
                .hint("write HOST:PORT, such as 127.0.0.1:0")
        })?;
        let found: Vec<SocketAddr> = found.collect();
        if self.hosts.is_empty() && found.iter().any(|address| !address.ip().is_loopback()) {
            let what = format!("--listen {listen} can be reached from other machines");
            return Err(Error::new(Kind::UnsafeRefused, what)
                .hint("listen on 127.0.0.1, or name with --allow-host what clients call this machine"));
        }
        Ok(found)
    }

    /// Why this request is refused, if it is.
    pub fn refuses(&self, headers: &HeaderMap) -> Option<&'static str> {
        let mut hosts = headers.get_all(HOST).iter();
        let ours = |value: &HeaderValue| value.to_str().is_ok_and(|text| self.knows(text));
        match (hosts.next(), hosts.next()) {
            (Some(host), None) if ours(host) => {}
            _ => return Some("gait: the Host header does not name this server"),
        }
        let from = |value: &HeaderValue| value.to_str().ok()?.parse::<Uri>().ok()?.into_parts().authority;
        let foreign = |value: &HeaderValue| !from(value).is_some_and(|authority| self.knows(authority.as_str()));
        headers.get_all(ORIGIN).iter().any(foreign).then_some("gait: the Origin header names another site")
    }

    fn knows(&self, authority: &str) -> bool {
        let Ok(authority) = authority.parse::<Authority>() else { return false };
        let host = bare(authority.host()).to_ascii_lowercase();
        let loopback = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        (loopback || self.hosts.contains(&host)) && !authority.as_str().contains('@')
    }
}

fn bare(host: &str) -> &str {
    host.trim().trim_start_matches('[').trim_end_matches(']')
}

/// What nobody can guess: 128 random bits in hex.
pub fn token() -> Result<String> {
    let mut random = [0u8; 16];
    getrandom::fill(&mut random)
        .map_err(|e| Error::new(Kind::Internal, format!("no randomness from the operating system: {e}")))?;
    Ok(hex(&random))
}
