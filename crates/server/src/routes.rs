//! The one table of routes: method, path, rule and handler stand together, so that no route is without a rule.

pub(crate) mod api;
mod assistants;
mod crons;
pub(crate) mod items;
mod mcp;
mod openai;
mod protocol;
mod runs;
mod state;
mod system;
mod threads;

use axum::Router;
use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodFilter, on};

use crate::app::App;

/// Whose data a route shows or changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// Nobody's: no identity is asked for.
    Public,
    /// The caller's own; another's is absent.
    Own,
    /// The deployment's; every caller reads the same.
    Shared,
    /// The deployment's; changed by callers with the role `service` or `admin`.
    Manage,
    /// The deployment's; for the role `admin` only.
    Admin,
}

/// One row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path, with `{name}` for its parameters.
    pub path: &'static str,
    /// Whose data it is about.
    pub rule: Rule,
}

/// Routes with their rules, and the router they make.
#[derive(Default)]
pub(crate) struct Routes {
    pub(crate) table: Vec<Route>,
    pub(crate) router: Router<App>,
}

impl Routes {
    /// Adds a route.
    pub(crate) fn route<H, T>(
        mut self,
        method: Method,
        path: &'static str,
        rule: Rule,
        handler: H,
    ) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        let filter = MethodFilter::try_from(method.clone()).expect("a standard method");
        self.router = self.router.route(path, on(filter, handler));
        self.table.push(Route { method, path, rule });
        self
    }
}

/// Every route.
pub(crate) fn all() -> Routes {
    let parts = [
        system::routes,
        threads::routes,
        state::routes,
        runs::routes,
        protocol::routes,
        assistants::routes,
        items::routes,
        crons::routes,
        openai::routes,
        mcp::routes,
        api::routes,
        crate::health::routes,
        crate::metrics::routes,
        crate::openapi::routes,
        crate::home::routes,
    ];
    let add = |routes, add: fn(Routes) -> Routes| add(routes);
    parts.into_iter().fold(Routes::default(), add)
}

/// The table of every route, for tests and documents.
#[must_use]
pub fn route_table() -> Vec<Route> {
    all().table
}
