//! `users export`: all that is kept of a user, as one JSON document.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::pin::pin;

use everthread_server::export_user;
use futures::StreamExt;
use serde_json::json;

use super::{Scope, unknown};
use crate::failure::{Exit, Failure};
use crate::settings::user_id;

pub(super) async fn run(scope: &Scope, name: &str, path: Option<&Path>) -> Result<(), Failure> {
    let id = user_id(name)?;
    let Some(document) = export_user(scope.store.clone(), &id).await? else {
        return Err(unknown(&id));
    };
    let mut document = pin!(document);
    let Some(path) = path else {
        let mut out = io::stdout().lock();
        while let Some(piece) = document.next().await {
            out.write_all(piece?.as_bytes())?;
        }
        return Ok(out.flush()?);
    };
    let failed = |error: io::Error| {
        let what = format!("{} cannot be written", path.display());
        Failure::new(Exit::Unavailable, what).because(error)
    };
    let mut file = File::create(path).map_err(failed)?;
    while let Some(piece) = document.next().await {
        file.write_all(piece?.as_bytes()).map_err(failed)?;
    }
    file.sync_all().map_err(failed)?;
    let told = json!({ "exported": { "user_id": id.as_str(), "file": path } });
    scope
        .output
        .print(told, || format!("Exported {id} to {}.", path.display()))
}
