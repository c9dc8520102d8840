//! Holds the rule of a route before its handler runs.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::{Principal, Role};
use crate::app::App;
use crate::carried::carried;
use crate::error::ApiError;
use crate::front::Front;
use crate::limits::OpenStream;
use crate::routes::{Route, Rule};

/// The rules by path and method.
#[derive(Debug, Default)]
pub(crate) struct Rules(HashMap<&'static str, Vec<(Method, Rule)>>);

impl Rules {
    pub(crate) fn of(table: &[Route]) -> Self {
        let mut rules = Self::default();
        for route in table {
            let of_path = rules.0.entry(route.path).or_default();
            of_path.push((route.method.clone(), route.rule));
        }
        rules
    }

    /// The rule of a request; `None` where nothing will answer it.
    fn find(&self, request: &Request) -> Option<Rule> {
        let path = request.extensions().get::<MatchedPath>()?;
        // A HEAD is answered by what answers a GET.
        let method = match request.method() {
            &Method::HEAD => &Method::GET,
            method => method,
        };
        let of_path = self.0.get(path.as_str())?;
        let found = of_path.iter().find(|(known, _)| known == method);
        found.map(|(_, rule)| *rule)
    }
}

/// In local mode, lets only this machine in. To stand before CORS, which answers pages of other sites.
pub(crate) async fn place(State(app): State<App>, request: Request, next: Next) -> Response {
    match app
        .front
        .auth
        .check_place(request.uri(), request.headers())
        .await
    {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

/// Finds out who calls, and lets only those through whom the route is for.
pub(crate) async fn rule(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let (rule, from) = (app.front.rules.find(&request), address(&request));
    let principal = match admit(&app, rule, from, request.headers()).await {
        Ok(principal) => principal,
        Err(error) => return error.into_response(),
    };
    let Some(principal) = principal else {
        return next.run(request).await;
    };
    let open = match open_stream(&app, &request, &principal) {
        Ok(open) => open,
        Err(error) => return error.into_response(),
    };
    request.extensions_mut().insert(principal.clone());
    let mut response = next.run(request).await;
    response.extensions_mut().insert(principal);
    match open {
        Some(open) if response.status().is_success() => carried(response, open),
        _ => response,
    }
}

/// Counts a request that will be answered by a stream, before anything is begun for it.
fn open_stream(
    app: &App,
    request: &Request,
    principal: &Principal,
) -> Result<Option<OpenStream>, ApiError> {
    let path = request.extensions().get::<MatchedPath>();
    let streams = path.is_some_and(|path| path.as_str().ends_with("/stream"));
    if !streams {
        return Ok(None);
    }
    app.front.limits.open_stream(principal)
}

async fn admit(
    app: &App,
    rule: Option<Rule>,
    from: IpAddr,
    headers: &HeaderMap,
) -> Result<Option<Principal>, ApiError> {
    let Front { auth, limits, .. } = &app.front;
    let rule = match rule {
        Some(Rule::Public) | None => {
            if !auth.is_local().await? {
                limits.check_address(from)?;
            }
            return Ok(None);
        }
        Some(rule) => rule,
    };
    let principal = auth.identify(headers, from, limits).await?;
    let needed = match rule {
        Rule::Manage => Role::Service,
        Rule::Admin => Role::Admin,
        Rule::Public | Rule::Own | Rule::Shared => Role::User,
    };
    if principal.role < needed {
        let detail = format!("this needs the role {needed}; yours is {}", principal.role);
        return Err(ApiError::new(StatusCode::FORBIDDEN, "forbidden", detail));
    }
    Ok(Some(principal))
}

/// Where the request comes from; nowhere in particular when it did not come over a socket.
fn address(request: &Request) -> IpAddr {
    request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |from| from.0.ip())
}
