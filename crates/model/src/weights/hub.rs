//! Downloads a file over HTTP, and goes on where an earlier download stopped.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::blocking::{Client, Response};
use reqwest::header::RANGE;

use super::part_file::PartFile;
use super::pull::FilePull;
use crate::{ModelError, ModelErrorKind};

/// The longest time to reach the hub: short, because there is another road.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest silence: it holds for each read, not for the whole.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// Downloads `url` into `part`.
pub(super) fn download(
    one: &FilePull<'_>,
    url: &str,
    part: &mut PartFile,
    report: &mut dyn FnMut(u64),
) -> Result<(), ModelError> {
    let (pull, size) = (one.pull, one.file.size_bytes);
    if part.len() > size {
        part.restart().map_err(|error| pull.storage(error))?;
    }
    if part.len() == size {
        return Ok(());
    }
    let mut response = request(url, part.len()).map_err(|error| {
        let detail = format!("the hub cannot be reached ({})", root_cause(&error));
        pull.error(ModelErrorKind::Unavailable)
            .detail(detail)
            .caused_by(error)
    })?;
    match response.status() {
        StatusCode::PARTIAL_CONTENT => {}
        StatusCode::OK => part.restart().map_err(|error| pull.storage(error))?,
        status => {
            let error = pull.error(ModelErrorKind::Unavailable);
            return Err(error.detail(format!("the hub answered {status}")));
        }
    }
    part.append(&mut response, size, report)
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::InvalidData => {
                let error = pull.error(ModelErrorKind::Corrupt).caused_by(error);
                error.detail("the hub gives more bytes than the file has")
            }
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::PermissionDenied => {
                pull.storage(error)
            }
            _ => broke_off(one, part).caused_by(error),
        })?;
    if part.len() < size {
        return Err(broke_off(one, part));
    }
    Ok(())
}

fn request(url: &str, from: u64) -> reqwest::Result<Response> {
    let client = Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(READ_TIMEOUT)
        .build()?;
    let request = client.get(url);
    if from == 0 {
        return request.send();
    }
    request.header(RANGE, format!("bytes={from}-")).send()
}

fn broke_off(one: &FilePull<'_>, part: &PartFile) -> ModelError {
    let (got, size) = (part.len(), one.file.size_bytes);
    let detail =
        format!("the download broke off at {got} of {size} bytes; pull again to go on from there");
    one.pull.error(ModelErrorKind::Unavailable).detail(detail)
}

/// The innermost message, which names what is really wrong.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
