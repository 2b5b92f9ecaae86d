//! Which addresses are never asked, however a name leads to them.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
};

use flowcd_engine::git::is_forbidden_host;
use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use super::HostError;

/// Said of names and addresses that only serve machines.
pub(super) const FORBIDDEN: &str = "a link-local or metadata address, which no Git host lives at";

/// The origin of an account, taken apart.
pub(super) fn parse_origin(origin: &str, is_http_allowed: bool) -> Result<Url, HostError> {
    let refused = |reason| HostError::NotAllowed {
        origin: origin.to_owned(),
        reason,
    };
    let url = Url::parse(origin).map_err(|_| refused("it is no address of a host"))?;
    match url.scheme() {
        "https" => {}
        "http" if is_http_allowed => {}
        "http" => return Err(refused("plain http would show the token on the way")),
        _ => return Err(refused("it is no address over https")),
    }
    if url.path() != "/" || !url.username().is_empty() || url.password().is_some() {
        return Err(refused("it is more than the address of a host"));
    }
    if url.host().is_none_or(is_forbidden_host) {
        return Err(refused(FORBIDDEN));
    }
    Ok(url)
}

/// Looks names up as the system does, and knows no address that is not to be asked. Where the environment names a proxy,
/// the proxy looks names up, and it is for the operator to say what that may reach.
pub(super) struct GuardedResolver {
    look_up: fn(String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>>,
}

impl GuardedResolver {
    pub(super) fn system() -> Self {
        Self::new(|name| {
            Box::pin(async move {
                let addresses = tokio::net::lookup_host((name, 0)).await?;
                Ok(addresses.collect())
            })
        })
    }

    pub(super) fn new(
        look_up: fn(String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>>,
    ) -> Self {
        Self { look_up }
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let looking_up = (self.look_up)(name.as_str().to_owned());
        Box::pin(async move {
            let addresses = looking_up.await?;
            // All or nothing: a name that leads to such an address among others is not to be trusted at all.
            if addresses.iter().any(|address| is_forbidden(address.ip())) {
                return Err(ForbiddenAddress.into());
            }
            let addresses: Addrs = Box::new(addresses.into_iter());
            Ok(addresses)
        })
    }
}

fn is_forbidden(address: IpAddr) -> bool {
    is_forbidden_host(match address {
        IpAddr::V4(address) => Host::Ipv4(address),
        IpAddr::V6(address) => Host::Ipv6(address),
    })
}

/// A name that leads to an address that is not to be asked.
#[derive(Debug)]
pub(super) struct ForbiddenAddress;

impl fmt::Display for ForbiddenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(FORBIDDEN)
    }
}

impl std::error::Error for ForbiddenAddress {}
