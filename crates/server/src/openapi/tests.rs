//! The document against the routes, and against its copy.

use std::collections::BTreeSet;
use std::path::Path;

use super::*;

#[test]
fn every_route_is_described_and_nothing_else() {
    let routes: BTreeSet<String> = route_table()
        .iter()
        .map(|route| format!("{} {}", route.method, route.path))
        .collect();
    let described: Vec<String> = docs()
        .iter()
        .map(|doc| format!("{} {}", doc.method, doc.path))
        .collect();
    let once: BTreeSet<String> = described.iter().cloned().collect();
    assert_eq!(once.len(), described.len(), "a route is described twice");
    let missing: Vec<&String> = routes.difference(&once).collect();
    assert!(missing.is_empty(), "add to src/openapi: {missing:#?}");
    let gone: Vec<&String> = once.difference(&routes).collect();
    assert!(gone.is_empty(), "no such routes: {gone:#?}");
}

#[test]
fn every_reference_leads_somewhere() {
    let document = openapi_document();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let mut wrong = Vec::new();
    find_references(&document, &mut |reference| {
        let name = reference.strip_prefix("#/components/schemas/");
        if !name.is_some_and(|name| schemas.contains_key(name)) {
            wrong.push(reference.to_owned());
        }
    });
    assert!(wrong.is_empty(), "{wrong:?}");
}

fn find_references(value: &Value, found: &mut dyn FnMut(&str)) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get("$ref") {
                found(reference);
            }
            fields
                .values()
                .for_each(|value| find_references(value, found));
        }
        Value::Array(values) => values
            .iter()
            .for_each(|value| find_references(value, found)),
        _ => {}
    }
}

#[test]
fn the_copy_in_the_documents_is_this_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let made = format!("{:#}\n", openapi_document());
    if std::env::var_os("EVERTHREAD_RENEW").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        made == kept,
        "docs/openapi.json differs from the routes; look at what changes for clients, then renew it with \
         EVERTHREAD_RENEW=1 cargo test -p everthread-server --lib openapi"
    );
}
