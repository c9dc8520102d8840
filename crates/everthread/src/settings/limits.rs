//! `[limits]`

use everthread_server::LimitSettings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What callers may ask for.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct LimitsSettings {
    /// Requests a minute for a key or a token with the role `user`; 0 for any number. A key may have a limit of its
    /// own, see `everthread keys create --requests-per-minute`.
    user_requests_per_minute: u32,
    /// Requests a minute for a key or a token with the role `service` or `admin`; 0 for any number.
    service_requests_per_minute: u32,
    /// Requests a minute for an address, of those that show no valid key or token; 0 for any number. Not counted in
    /// local mode.
    address_requests_per_minute: u32,
    /// Mebibytes a minute in the bodies of requests for a key or a token with the role `user`; 0 for any number. One
    /// body may have as many at most.
    user_mib_per_minute: u32,
    /// The same for a key or a token with the role `service` or `admin`.
    service_mib_per_minute: u32,
    /// Streams that a key or a token with the role `user` may read at once; 0 for any number.
    user_streams: u32,
    /// The same for a key or a token with the role `service` or `admin`.
    service_streams: u32,
}

impl LimitsSettings {
    pub(super) fn settings(&self) -> LimitSettings {
        LimitSettings {
            user_per_minute: self.user_requests_per_minute,
            service_per_minute: self.service_requests_per_minute,
            address_per_minute: self.address_requests_per_minute,
            user_mib_per_minute: self.user_mib_per_minute,
            service_mib_per_minute: self.service_mib_per_minute,
            user_streams: self.user_streams,
            service_streams: self.service_streams,
        }
    }
}

impl Default for LimitsSettings {
    fn default() -> Self {
        let limits = LimitSettings::default();
        Self {
            user_requests_per_minute: limits.user_per_minute,
            service_requests_per_minute: limits.service_per_minute,
            address_requests_per_minute: limits.address_per_minute,
            user_mib_per_minute: limits.user_mib_per_minute,
            service_mib_per_minute: limits.service_mib_per_minute,
            user_streams: limits.user_streams,
            service_streams: limits.service_streams,
        }
    }
}
