//! The storage URL: ours among PostgreSQL's own parameters.

use std::time::Duration;

use everthread_graph::contract::{StoreError, StoreErrorKind};
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

use super::{PostgresOptions, Verify};

/// Reads a URL.
pub(super) fn parse(url: &str) -> Result<PostgresOptions, StoreError> {
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err(invalid("write postgres://USER:PASSWORD@HOST:PORT/DATABASE"));
    }
    let (place, parameters) = url.split_once('?').unwrap_or((url, ""));
    let mut ours = Vec::new();
    let mut theirs = Vec::new();
    for parameter in parameters.split('&').filter(|one| !one.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match name {
            "schema" | "connections" | "statement_cache" | "lease_seconds" | "sslmode"
            | "sslrootcert" => ours.push((name, decoded(value)?)),
            _ => theirs.push(parameter),
        }
    }
    let place = match theirs.as_slice() {
        [] => place.to_owned(),
        theirs => format!("{place}?{}", theirs.join("&")),
    };
    let config: Config = place.parse().map_err(|error: tokio_postgres::Error| {
        let mut why = error.to_string();
        let mut beneath = std::error::Error::source(&error);
        while let Some(error) = beneath {
            why = format!("{why}: {error}");
            beneath = error.source();
        }
        invalid(why)
    })?;
    let mut options = PostgresOptions::of(config);
    for (name, value) in ours {
        take(&mut options, name, &value)?;
    }
    options.checked()
}

fn take(options: &mut PostgresOptions, name: &str, value: &str) -> Result<(), StoreError> {
    let wrong = |what: &str| invalid(format!("{name}={value} is not {what}"));
    match name {
        "schema" => value.clone_into(&mut options.schema),
        "connections" => {
            options.connections = value.parse().map_err(|_| wrong("a number"))?;
        }
        "statement_cache" => {
            options.statement_cache = match value {
                "on" => true,
                "off" => false,
                _ => return Err(wrong("`on` or `off`")),
            };
        }
        "lease_seconds" => {
            let seconds = value.parse().map_err(|_| wrong("a number of seconds"))?;
            options.lease = Duration::from_secs(seconds);
        }
        "sslrootcert" => {
            options.tls.roots = (value != "system").then(|| value.into());
            // Roots that nothing is held against would be a trap.
            if options.tls.verify == Verify::Nothing {
                options.tls.verify = Verify::Signer;
            }
        }
        _ => {
            let (mode, verify) = match value {
                "disable" => (SslMode::Disable, Verify::Nothing),
                "allow" | "prefer" => (SslMode::Prefer, options.tls.verify),
                "require" => (SslMode::Require, options.tls.verify),
                "verify-ca" => (SslMode::Require, Verify::Signer),
                "verify-full" => (SslMode::Require, Verify::Host),
                _ => {
                    return Err(wrong(
                        "one of disable, prefer, require, verify-ca, verify-full",
                    ));
                }
            };
            options.config.ssl_mode(mode);
            options.tls.verify = verify;
        }
    }
    Ok(())
}

/// A value with its `%20` read.
fn decoded(value: &str) -> Result<String, StoreError> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        match (digit(rest.next()), digit(rest.next())) {
            (Some(high), Some(low)) => bytes.push(u8::try_from(high * 16 + low).unwrap_or(b'?')),
            _ => return Err(invalid(format!("{value:?} holds a % without two digits"))),
        }
    }
    String::from_utf8(bytes).map_err(|_| invalid(format!("{value:?} is no text")))
}

/// The URL itself is not told: it may hold a password.
fn invalid(why: impl std::fmt::Display) -> StoreError {
    StoreError::new(
        StoreErrorKind::Invalid,
        format!("this names no PostgreSQL storage: {why}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_are_taken_and_theirs_are_handed_on() {
        let options = parse(
            "postgres://eve:s%40cret@db:6543/chat?connect_timeout=3&schema=my%20bots&connections=4\
             &statement_cache=off&lease_seconds=30&sslmode=verify-full&sslrootcert=/etc/roots.pem",
        )
        .unwrap();
        assert_eq!(
            (options.schema.as_str(), options.connections),
            ("my bots", 4)
        );
        assert_eq!(options.lease, Duration::from_secs(30));
        assert!(!options.statement_cache);
        assert_eq!(options.tls.verify, Verify::Host);
        assert_eq!(options.tls.roots, Some("/etc/roots.pem".into()));
        assert_eq!(
            options.config.get_connect_timeout(),
            Some(&Duration::from_secs(3))
        );
        assert_eq!(options.config.get_password(), Some("s@cret".as_bytes()));
    }

    #[test]
    fn what_is_wrong_is_told_without_the_password() {
        for url in [
            "mysql://eve:secret@db/chat",
            "postgres://eve:secret@db/chat?statement_cache=maybe",
            "postgres://eve:secret@db/chat?connections=0",
            "postgres://eve:secret@db/chat?schema=pg_catalog",
            "postgres://eve:secret@db/chat?sslmode=strict",
            "postgres://eve:secret@db/chat?schema=%zz",
            "postgres://eve:secret@db/chat?nonsense=1",
        ] {
            let refused = parse(url).unwrap_err();
            assert_eq!(refused.kind(), StoreErrorKind::Invalid, "{url}");
            assert!(!refused.to_string().contains("secret"), "{refused}");
        }
    }

    #[test]
    fn debug_output_holds_no_password() {
        let options = parse("postgres://eve:secret@db/chat").unwrap();
        assert!(!format!("{options:?}").contains("secret"));
    }
}
