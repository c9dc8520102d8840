//! `GET /`: how the server is, and how to call it. One page without anything from elsewhere.
//!
//! The snippets are files of their own beside this one, so that tests run exactly what the page shows.

use axum::extract::State;
use axum::http::{Method, header};
use axum::response::IntoResponse;

use crate::app::App;
use crate::error::ApiError;
use crate::routes::{Routes, Rule};

const PAGE: &str = include_str!("home/page.html");

/// What the page shows: a title and a program.
pub const SNIPPETS: [(&str, &str); 4] = [
    ("curl", include_str!("home/curl.sh")),
    ("Python", include_str!("home/python.py")),
    ("JavaScript", include_str!("home/javascript.mjs")),
    ("OpenAI", include_str!("home/openai.py")),
];

/// Nothing from elsewhere, and nothing of this page elsewhere.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(crate) fn routes(routes: Routes) -> Routes {
    routes.route(Method::GET, "/", Rule::Public, home)
}

async fn home(State(app): State<App>) -> Result<impl IntoResponse, ApiError> {
    let (class, state) = match app.front.storage.answers().await {
        Ok(()) => ("good", "Ready"),
        Err(_) => ("bad", "The storage does not answer"),
    };
    let callers = if app.front.auth.is_local().await? {
        "this machine, no key needed"
    } else {
        "with a key"
    };
    let page = PAGE
        .replace("{{class}}", class)
        .replace("{{state}}", state)
        .replace("{{version}}", env!("CARGO_PKG_VERSION"))
        .replace("{{uptime}}", &span(app.front.started.elapsed().as_secs()))
        .replace("{{graphs}}", &escaped(&app.assistants.graph_names()))
        .replace("{{callers}}", callers)
        .replace("{{snippets}}", &snippets());
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, page))
}

fn snippets() -> String {
    let one = |(title, program): &(&str, &str)| {
        format!(
            "<section><h2>{title}</h2><button type=\"button\">Copy</button><pre>{}</pre></section>\n",
            escaped(program.trim_end())
        )
    };
    SNIPPETS.iter().map(one).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn span(seconds: u64) -> String {
    match seconds {
        ..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}
