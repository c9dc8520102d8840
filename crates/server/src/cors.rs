//! What a page of another origin may do: everything that a program may. Identity comes from keys and tokens that a
//! page has to have, never from cookies; a server without either serves no foreign origin at all.

use std::time::Duration;

use axum::http::HeaderName;
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, CorsLayer};

/// How long a browser may remember what is allowed.
const REMEMBER: Duration = Duration::from_secs(600);

/// Headers of answers that pages may read.
const EXPOSED: [&str; 7] = [
    "content-location",
    "location",
    "x-pagination-total",
    "x-pagination-next",
    "retry-after",
    "x-should-retry",
    "x-request-id",
];

/// The layer that says so.
pub(crate) fn layer() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::mirror_request())
        .allow_methods(AllowMethods::mirror_request())
        .allow_headers(AllowHeaders::mirror_request())
        .allow_private_network(true)
        .expose_headers(EXPOSED.map(HeaderName::from_static))
        .max_age(REMEMBER)
}
