//! `GET /`: how the server is, and how to call it. One page without anything from elsewhere.
//!
//! The snippets are files of their own beside this one, so that tests run exactly what the page shows.

use axum::extract::State;
use axum::http::{HeaderMap, Method, header};
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
    ("OpenAI", include_str!("home/openai_sdk.py")),
];

/// Where the snippets find the server when nothing else is said; the page puts in where it was asked.
const USUAL: &str = "http://127.0.0.1:8123";
/// Longest name of a host that is put into the page.
const MAX_HOST: usize = 255;

/// Nothing from elsewhere, and nothing of this page elsewhere.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(crate) fn routes(routes: Routes) -> Routes {
    routes.route(Method::GET, "/", Rule::Public, home)
}

async fn home(State(app): State<App>, asked: HeaderMap) -> Result<impl IntoResponse, ApiError> {
    let (class, state) = match app.front.storage.answers().await {
        Ok(()) => ("good", "Ready"),
        Err(_) => ("bad", "The storage does not answer"),
    };
    let (callers, key) = if app.front.auth.is_local().await? {
        ("this machine, no key needed", "")
    } else {
        ("with a key", KEY)
    };
    let at = place(&asked).unwrap_or_else(|| USUAL.to_owned());
    let page = PAGE
        .replace("{{class}}", class)
        .replace("{{state}}", state)
        .replace("{{version}}", env!("CARGO_PKG_VERSION"))
        .replace("{{uptime}}", &span(app.front.started.elapsed().as_secs()))
        .replace("{{graphs}}", &escaped(&app.assistants.graph_names()))
        .replace("{{callers}}", callers)
        .replace("{{key}}", key)
        .replace("{{snippets}}", &snippets(&at));
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, page))
}

/// Where a key goes, for people.
const KEY: &str = "<p>Calls need a key: <code>everthread keys create --user NAME</code> makes one. The programs below \
                   take it from <code>EVERTHREAD_KEY</code> and send it as <code>X-Api-Key</code>.</p>";

/// The URL by which this page was asked for: the programs are to reach the same server. What a host's name cannot
/// hold is not believed, because it would be shown inside of a program.
fn place(asked: &HeaderMap) -> Option<String> {
    let host = asked.get(header::HOST)?.to_str().ok()?;
    let fits = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c);
    if host.is_empty() || host.len() > MAX_HOST || !host.chars().all(fits) {
        return None;
    }
    let proxied = asked.get("x-forwarded-proto");
    let scheme = match proxied.and_then(|scheme| scheme.to_str().ok()) {
        Some("https") => "https",
        _ => "http",
    };
    Some(format!("{scheme}://{host}"))
}

fn snippets(at: &str) -> String {
    let one = |(title, program): &(&str, &str)| {
        let program = program.replace(USUAL, at);
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
