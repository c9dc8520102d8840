//! `[limits]`

use everthread_server::LimitSettings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Requests a minute.
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
}

impl LimitsSettings {
    pub(super) fn settings(&self) -> LimitSettings {
        LimitSettings {
            user_per_minute: self.user_requests_per_minute,
            service_per_minute: self.service_requests_per_minute,
            address_per_minute: self.address_requests_per_minute,
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
        }
    }
}
