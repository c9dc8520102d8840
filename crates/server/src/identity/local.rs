//! A server without keys on loopback: it serves the programs of its own machine, and no website that a browser there
//! happens to show.
//!
//! A page of any website may send requests to loopback from its visitor's browser, and a name that resolves to
//! loopback makes them look like its own (DNS rebinding). So the `Host` and the `Origin` must both be loopback, and
//! nothing may have been forwarded by a proxy, behind which everybody would be local.

use std::net::IpAddr;

use axum::http::{HeaderMap, StatusCode, Uri, header};

use crate::error::ApiError;

/// Headers that only a proxy sets.
const FORWARDED: [&str; 3] = ["forwarded", "x-forwarded-for", "x-forwarded-host"];

/// Refuses what does not come from this machine.
///
/// # Errors
/// `not_local`, with what was wrong.
pub(crate) fn check(uri: &Uri, headers: &HeaderMap) -> Result<(), ApiError> {
    let refuse = |why: String| {
        let detail = format!(
            "{why}. Without keys this server serves only its own machine; create a key with \
             `everthread keys create` to serve others"
        );
        Err(ApiError::new(StatusCode::FORBIDDEN, "not_local", detail))
    };
    let host = headers.get(header::HOST).map(|host| host.to_str());
    let host = match (host, uri.authority()) {
        (Some(Ok(host)), _) => host,
        (None, Some(authority)) => authority.as_str(),
        _ => return refuse("the request names no host".to_owned()),
    };
    if headers.get_all(header::HOST).iter().count() > 1 || !is_loopback(host) {
        return refuse(format!("{host:?} is not a loopback host"));
    }
    for origin in headers.get_all(header::ORIGIN) {
        let origin = origin.to_str().unwrap_or("not text");
        if !is_loopback_origin(origin) {
            return refuse(format!("the page {origin:?} is not from a loopback origin"));
        }
    }
    match FORWARDED.iter().find(|name| headers.contains_key(**name)) {
        Some(name) => refuse(format!(
            "the header {name} says that a proxy stands in front"
        )),
        None => Ok(()),
    }
}

fn is_loopback_origin(origin: &str) -> bool {
    ["http://", "https://"]
        .iter()
        .find_map(|scheme| origin.strip_prefix(scheme))
        .is_some_and(is_loopback)
}

/// Whether `host` or `host:port` is loopback: `localhost`, a name below it, `127.0.0.0/8` or `[::1]`.
fn is_loopback(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((name, port)) => (
                name,
                port.strip_prefix(':').or(port.is_empty().then_some("")),
            ),
            None => return false,
        },
        None => match host.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (host, Some("")),
        },
    };
    if !port.is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit())) {
        return false;
    }
    if let Ok(address) = name.parse::<IpAddr>() {
        return address.is_loopback();
    }
    let name = name.to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_hosts_are_known_in_all_their_forms() {
        for host in [
            "localhost",
            "LocalHost:8123",
            "127.0.0.1:8123",
            "127.9.9.9",
            "[::1]:8123",
            "[::1]",
            "app.localhost:1",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            "example.com",
            "localhost.example.com",
            "127.0.0.1.example.com",
            "127.0.0.1:80@example.com",
            "localhost:80:90",
            "0.0.0.0",
            "[::1",
            "[::1]x",
            "[fe80::1]",
            "10.0.0.1",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    fn checked(pairs: &[(&'static str, &'static str)]) -> Result<(), ApiError> {
        let headers = pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        check(&Uri::from_static("/threads"), &headers.collect())
    }

    #[test]
    fn websites_and_proxies_are_refused() {
        assert!(checked(&[("host", "127.0.0.1:8123")]).is_ok());
        assert!(checked(&[("host", "localhost"), ("origin", "http://localhost:3000")]).is_ok());
        for wrong in [
            &[][..],
            &[("host", "evil.example")],
            &[("host", "localhost"), ("origin", "https://evil.example")],
            &[("host", "localhost"), ("origin", "null")],
            &[("host", "localhost"), ("x-forwarded-for", "10.0.0.9")],
        ] {
            assert_eq!(checked(wrong).unwrap_err().code(), "not_local", "{wrong:?}");
        }
    }
}
