//! Tells a URL that a run has ended. Nobody inside the network is reached this way: private, loopback and link-local
//! targets are refused when the run is asked for, when the name is looked up to deliver, and redirects are not
//! followed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use tokio::net::lookup_host;

use super::hub::Hub;
use super::live::Live;
use crate::error::ApiError;

/// How long one delivery may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long looking up a name may take.
const LOOKUP: Duration = Duration::from_secs(3);
/// How often a delivery is tried.
const TRIES: u32 = 3;
/// How long is waited after a first failure; four times as long after the next.
const PAUSE: Duration = Duration::from_millis(500);

/// Delivers webhooks.
pub(crate) struct Webhooks {
    client: Option<Client>,
    private: bool,
}

impl Webhooks {
    /// With `private`, targets inside the network are allowed.
    pub(super) fn new(private: bool) -> Self {
        let mut client = Client::builder()
            .timeout(TIMEOUT)
            .redirect(Policy::none())
            .no_proxy();
        if !private {
            client = client.dns_resolver(Arc::new(PublicOnly));
        }
        let client = client.build().inspect_err(|error| {
            tracing::error!(operation = "webhook", %error, "webhooks cannot be delivered");
        });
        Self {
            client: client.ok(),
            private,
        }
    }

    /// Checks a URL before the run exists.
    ///
    /// # Errors
    /// 422 when it is no absolute URL of HTTP, or leads into the network.
    pub(crate) async fn check(&self, text: &str) -> Result<(), ApiError> {
        let blocked = |why: &str| ApiError::invalid(format!("Webhook host blocked: {why}"));
        let url = Url::parse(text).map_err(|_| {
            ApiError::invalid("webhook: it must be an absolute URL of http or https")
        })?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(ApiError::invalid(
                "webhook: its scheme must be http or https",
            ));
        }
        let Some(host) = url.host_str() else {
            return Err(ApiError::invalid("webhook: it names no host"));
        };
        if self.private {
            return Ok(());
        }
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(ip) = host.parse::<IpAddr>() {
            return inside(ip).map_or(Ok(()), |why| Err(blocked(why)));
        }
        let port = url.port_or_known_default().unwrap_or(443);
        let found = tokio::time::timeout(LOOKUP, lookup_host((host, port))).await;
        let Ok(Ok(found)) = found else {
            return Err(blocked("its name is not known"));
        };
        let mut addresses = found.map(|address| address.ip());
        match addresses.find_map(inside) {
            Some(why) => Err(blocked(why)),
            None => Ok(()),
        }
    }

    /// Tells of a run that has ended, and tries again when that fails.
    pub(super) async fn send(&self, hub: &Hub, live: &Live) {
        let (Some(client), Some(url)) = (&self.client, &live.kept.webhook) else {
            return;
        };
        let body = match crate::wire::webhook_body(&*hub.store, live).await {
            Ok(body) => body,
            Err(error) => {
                tracing::warn!(operation = "webhook", run = %live.id, %error, "not sent");
                return;
            }
        };
        for attempt in 1..=TRIES {
            match client.post(url).json(&body).send().await {
                Ok(answer) if answer.status().is_success() => return,
                Ok(answer) => {
                    let status = answer.status().as_u16();
                    tracing::warn!(operation = "webhook", run = %live.id, attempt, status, "refused");
                }
                Err(error) => {
                    // The URL may carry a secret of its owner's.
                    let error = error.without_url();
                    tracing::warn!(operation = "webhook", run = %live.id, attempt, %error, "failed");
                }
            }
            if attempt < TRIES {
                tokio::time::sleep(PAUSE * 4_u32.pow(attempt - 1)).await;
            }
        }
    }
}

/// Looks names up and gives only addresses outside of the network: what a name leads to may have changed since it was
/// checked.
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = lookup_host((name.as_str(), 0))
                .await?
                .filter(|address| inside(address.ip()).is_none())
                .collect();
            if found.is_empty() {
                return Err("the name leads nowhere outside of the network".into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Why an address is not to be reached from outside; `None` when it may be.
fn inside(ip: IpAddr) -> Option<&'static str> {
    match ip {
        IpAddr::V4(ip) => inside_v4(ip),
        IpAddr::V6(ip) => match embedded_v4(ip) {
            Some(ip) => inside_v4(ip),
            None => inside_v6(ip),
        },
    }
}

fn inside_v4(ip: Ipv4Addr) -> Option<&'static str> {
    let [a, b, c, _] = ip.octets();
    if ip.is_loopback() {
        Some("loopback IP range")
    } else if ip.is_private() || (a == 100 && (64..128).contains(&b)) {
        Some("private IP range")
    } else if ip.is_link_local() {
        Some("link-local IP range")
    } else if a == 0
        || a >= 224
        || ip.is_documentation()
        || (a, b, c) == (192, 0, 0)
        || (a == 198 && (b == 18 || b == 19))
    {
        Some("reserved IP range")
    } else {
        None
    }
}

fn inside_v6(ip: Ipv6Addr) -> Option<&'static str> {
    let first = ip.segments()[0];
    if ip.is_loopback() {
        Some("loopback IP range")
    } else if first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfec0 {
        Some("private IP range")
    } else if first & 0xffc0 == 0xfe80 {
        Some("link-local IP range")
    } else if ip.is_unspecified()
        || ip.is_multicast()
        || (first == 0x2001 && ip.segments()[1] == 0xdb8)
    {
        Some("reserved IP range")
    } else {
        None
    }
}

/// The IPv4 address that an IPv6 address stands for: mapped, compatible, translated or of 6to4.
fn embedded_v4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = ip.segments();
    let of = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        Ipv4Addr::new(a, b, c, d)
    };
    match s {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(of(high, low))
        }
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => Some(of(high, low)),
        [0x2002, high, low, ..] => Some(of(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_inside_the_network_are_known_in_every_spelling() {
        for address in [
            "127.0.0.1",
            "127.9.9.9",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "fec0::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "::127.0.0.1",
            "2001:db8::1",
        ] {
            let ip: IpAddr = address.parse().expect("an address");
            assert!(inside(ip).is_some(), "{address}");
        }
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "2606:4700:4700::1111",
            "::ffff:1.1.1.1",
        ] {
            let ip: IpAddr = address.parse().expect("an address");
            assert_eq!(inside(ip), None, "{address}");
        }
    }

    #[tokio::test]
    async fn urls_are_checked_before_a_run_exists() {
        let hooks = Webhooks::new(false);
        for url in [
            "/relative",
            "ftp://example.org/",
            "http://127.0.0.1:80/x",
            "http://[::1]/",
            "http://localhost:9/",
            "http://2130706433/",
            "http://0x7f.1/",
            "file:///etc/passwd",
            "",
        ] {
            let error = hooks.check(url).await.expect_err(url);
            assert_eq!(error.status(), axum::http::StatusCode::UNPROCESSABLE_ENTITY);
        }
        assert!(hooks.check("https://1.1.1.1/hook").await.is_ok());
        assert!(
            Webhooks::new(true)
                .check("http://127.0.0.1:9/")
                .await
                .is_ok()
        );
    }
}
