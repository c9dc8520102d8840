//! The counters against their document.

use super::*;

const HEAD: &str = "\
# Metrics

`GET /metrics` tells these to Prometheus, in the OpenMetrics format; it needs a key with the role `service` or `admin`,
or none in local mode. Histograms have `_bucket`, `_sum` and `_count`. What nothing was counted for yet is left out.

Four counters to begin with are `everthread_conversations_created_total`, `everthread_messages_processed_total`,
`everthread_errors_total` and `everthread_database_operations_total`. Those of the store, of conversations, messages and
models count what goes through a metered store and observed models, as `everthread serve` wires them.

This page is made from the counters. To renew it: `EVERTHREAD_RENEW=1 cargo test -p everthread-server --lib metrics`.

| name | kind | what it is |
|---|---|---|
";

/// Counters of which each has counted something.
fn counted() -> Metrics {
    let metrics = Metrics::new();
    let took = Duration::from_millis(1);
    metrics.request("GET /ok", 200, took);
    metrics.run_ended("chat", "success", took);
    metrics.model_call("scripted:echo", "ok", took);
    metrics.model_resting("scripted:echo", false);
    metrics.store_call("commit", "ok", took);
    metrics
}

#[test]
fn the_document_tells_every_counter() {
    let text = counted().text();
    let mut made = HEAD.to_owned();
    for help in text.lines().filter_map(|line| line.strip_prefix("# HELP ")) {
        let (name, about) = help.split_once(' ').unwrap();
        let kind = format!("# TYPE {name} ");
        let kind = text
            .lines()
            .find_map(|line| line.strip_prefix(&kind))
            .unwrap();
        let shown = match kind {
            "counter" => format!("{name}_total"),
            _ => name.to_owned(),
        };
        made += &format!("| `{shown}` | {kind} | {about} |\n");
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/METRICS.md");
    if std::env::var_os("EVERTHREAD_RENEW").is_some() {
        std::fs::write(path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        made == kept,
        "docs/METRICS.md differs from the counters; renew it with \
         EVERTHREAD_RENEW=1 cargo test -p everthread-server --lib metrics"
    );
}

#[test]
fn errors_are_failed_requests_and_failed_runs() {
    let metrics = Metrics::new();
    let took = Duration::from_millis(1);
    metrics.request("GET /ok", 404, took);
    metrics.request("GET /ok", 503, took);
    metrics.run_ended("chat", "success", took);
    metrics.run_ended("chat", "error", took);
    let text = metrics.text();
    assert!(text.contains("everthread_errors_total 2\n"), "{text}");
    assert!(text.contains("everthread_turns_total 1\n"), "{text}");
}

#[test]
fn guards_count_while_they_live() {
    let metrics = Metrics::new();
    let (stream, waiting) = (metrics.stream(), metrics.waiting_run());
    assert_eq!((metrics.open_streams(), metrics.waiting_runs()), (1, 1));
    drop((stream, waiting));
    assert_eq!((metrics.open_streams(), metrics.waiting_runs()), (0, 0));
    assert!(metrics.text().contains("everthread_wait_seconds_count 1\n"));
}
