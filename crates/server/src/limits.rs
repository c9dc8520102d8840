//! How much a caller may ask for: by key, by the user of a token, and by address for whoever shows neither.
//!
//! A caller may use a minute's allowance at once; it comes back evenly. What is too much is refused with 429 and
//! `Retry-After` before anything is done. In local mode nothing is counted.

mod streams;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use everthread_graph::contract::UserId;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota};

use crate::error::ApiError;
use crate::identity::{Key, KeyId, Principal, Role};

pub(crate) use streams::OpenStream;
use streams::Streams;

/// Subjects that are remembered at most before those with a full allowance are forgotten.
const MAX_SUBJECTS: usize = 10_000;

/// Seconds after which a caller with too many streams may try again.
const STREAMS_RETRY_S: u64 = 5;

/// What callers may ask for; 0 for any number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitSettings {
    /// Requests a minute for a key or a token with the role `user`; 1,200.
    pub user_per_minute: u32,
    /// Requests a minute for a key or a token with the role `service` or `admin`; any number.
    pub service_per_minute: u32,
    /// Requests a minute for an address from which come requests without a valid key or token; 600.
    pub address_per_minute: u32,
    /// Mebibytes a minute in the bodies of requests for a key or a token with the role `user`; 256.
    pub user_mib_per_minute: u32,
    /// Mebibytes a minute for a key or a token with the role `service` or `admin`; any number.
    pub service_mib_per_minute: u32,
    /// Streams at once for a key or a token with the role `user`; 100.
    pub user_streams: u32,
    /// Streams at once for a key or a token with the role `service` or `admin`; any number.
    pub service_streams: u32,
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self {
            user_per_minute: 1_200,
            service_per_minute: 0,
            address_per_minute: 600,
            user_mib_per_minute: 256,
            service_mib_per_minute: 0,
            user_streams: 100,
            service_streams: 0,
        }
    }
}

/// Who is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    /// Whoever has this key.
    Key(KeyId),
    /// The user of a token.
    User(UserId),
    /// An address without either.
    Address(IpAddr),
}

type Limiter = DefaultKeyedRateLimiter<Subject>;

/// Counts requests.
#[derive(Debug)]
pub(crate) struct Limits {
    settings: LimitSettings,
    clock: DefaultClock,
    /// A limiter for each allowance: a key may have one of its own.
    limiters: Mutex<HashMap<(Unit, NonZeroU32), Arc<Limiter>>>,
    streams: Streams,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Unit {
    Requests,
    Kibibytes,
}

impl Limits {
    pub(crate) fn new(settings: LimitSettings) -> Self {
        Self {
            settings,
            clock: DefaultClock::default(),
            limiters: Mutex::default(),
            streams: Streams::default(),
        }
    }

    /// Counts a request with this key.
    pub(crate) fn check_key(&self, key: &Key) -> Result<(), ApiError> {
        let allowed = key.requests_per_minute.unwrap_or(self.of_role(key.role));
        self.check(&Subject::Key(key.id.clone()), allowed)
    }

    /// Counts a request with a token of this user.
    pub(crate) fn check_user(&self, user: &UserId, role: Role) -> Result<(), ApiError> {
        self.check(&Subject::User(user.clone()), self.of_role(role))
    }

    /// Counts a request from this address.
    pub(crate) fn check_address(&self, address: IpAddr) -> Result<(), ApiError> {
        let subject = Subject::Address(network(address));
        self.check(&subject, self.settings.address_per_minute)
    }

    fn of_role(&self, role: Role) -> u32 {
        match role {
            Role::User => self.settings.user_per_minute,
            Role::Service | Role::Admin => self.settings.service_per_minute,
        }
    }

    fn check(&self, subject: &Subject, allowed: u32) -> Result<(), ApiError> {
        let Some(allowed) = NonZeroU32::new(allowed) else {
            return Ok(());
        };
        let limiter = self.limiter(Unit::Requests, allowed);
        let Err(not_until) = limiter.check_key(subject) else {
            return Ok(());
        };
        let wait = not_until.wait_time_from(self.clock.now());
        Err(too_much(&format!("{allowed} requests"), wait))
    }

    /// Counts the body of a request.
    ///
    /// # Errors
    /// `rate_limited`; `body_too_large` for one that is longer than a minute's allowance.
    pub(crate) fn check_size(&self, caller: &Principal, bytes: usize) -> Result<(), ApiError> {
        let mib = match caller.role {
            Role::User => self.settings.user_mib_per_minute,
            Role::Service | Role::Admin => self.settings.service_mib_per_minute,
        };
        let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX);
        let (Some(subject), Some(allowed), Some(kib)) = (
            &caller.counted,
            NonZeroU32::new(mib.saturating_mul(1024)),
            NonZeroU32::new(kib),
        ) else {
            return Ok(());
        };
        let limiter = self.limiter(Unit::Kibibytes, allowed);
        match limiter.check_key_n(subject, kib) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(not_until)) => {
                let wait = not_until.wait_time_from(self.clock.now());
                Err(too_much(&format!("{mib} MiB"), wait))
            }
            Err(_) => Err(ApiError::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "body_too_large",
                format!("the body is longer than the {mib} MiB a minute that this caller may send"),
            )),
        }
    }

    /// Counts a stream until what is given is dropped. `None` where nothing is counted.
    ///
    /// # Errors
    /// `too_many_streams`.
    pub(crate) fn open_stream(&self, caller: &Principal) -> Result<Option<OpenStream>, ApiError> {
        let allowed = match caller.role {
            Role::User => self.settings.user_streams,
            Role::Service | Role::Admin => self.settings.service_streams,
        };
        let (Some(subject), Some(allowed)) = (&caller.counted, NonZeroU32::new(allowed)) else {
            return Ok(None);
        };
        let open = self.streams.open(subject, allowed).ok_or_else(|| {
            let detail = format!("{allowed} streams are open: close one, or wait for its end");
            let error = ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too_many_streams", detail);
            error.retry_after(STREAMS_RETRY_S)
        })?;
        Ok(Some(open))
    }

    fn limiter(&self, unit: Unit, allowed: NonZeroU32) -> Arc<Limiter> {
        let mut limiters = self.limiters.lock().unwrap_or_else(PoisonError::into_inner);
        let made = limiters
            .entry((unit, allowed))
            .or_insert_with(|| Arc::new(Limiter::keyed(Quota::per_minute(allowed))));
        if made.len() > MAX_SUBJECTS {
            made.retain_recent();
        }
        Arc::clone(made)
    }
}

/// 429 for what was more than so much a minute.
fn too_much(allowed: &str, wait: Duration) -> ApiError {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let detail = format!("more than {allowed} a minute: try again in {seconds} s");
    let error = ApiError::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail);
    error.retry_after(seconds.max(1))
}

/// What one subscriber has: an IPv4 address, or the upper half of an IPv6 address.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => IpAddr::V4(mapped),
            None => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        },
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_subject_has_an_allowance_of_its_own() {
        let limits = Limits::new(LimitSettings {
            user_per_minute: 2,
            address_per_minute: 1,
            ..LimitSettings::default()
        });
        let (anna, bob) = (UserId::new("anna").unwrap(), UserId::new("bob").unwrap());
        for _ in 0..2 {
            limits.check_user(&anna, Role::User).unwrap();
        }
        let error = limits.check_user(&anna, Role::User).unwrap_err();
        assert_eq!(error.code(), "rate_limited");
        assert_eq!(error.status(), StatusCode::TOO_MANY_REQUESTS);
        limits.check_user(&bob, Role::User).unwrap();
        for _ in 0..100 {
            limits.check_user(&bob, Role::Service).unwrap();
        }
    }

    #[test]
    fn an_ipv6_network_is_one_subscriber() {
        let limits = Limits::new(LimitSettings {
            address_per_minute: 1,
            ..LimitSettings::default()
        });
        limits
            .check_address("2001:db8::1".parse().unwrap())
            .unwrap();
        assert!(
            limits
                .check_address("2001:db8::2".parse().unwrap())
                .is_err()
        );
        limits
            .check_address("2001:db8:0:1::1".parse().unwrap())
            .unwrap();
        limits.check_address("10.0.0.1".parse().unwrap()).unwrap();
        assert!(
            limits
                .check_address("::ffff:10.0.0.1".parse().unwrap())
                .is_err()
        );
    }
}
