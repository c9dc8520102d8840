//! A file, read a piece at a time on threads that may block.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use bytes::Bytes;
use futures::stream::{self, Stream};
use tokio::task::spawn_blocking;

use crate::error::ApiError;

/// Longest piece, in bytes.
const PIECE: u64 = 256 << 10;

/// The size of a file, and its pieces.
///
/// # Errors
/// 503 when it cannot be read.
pub(super) async fn read(
    path: PathBuf,
) -> Result<(u64, impl Stream<Item = io::Result<Bytes>> + Send + use<>), ApiError> {
    let opening = move || {
        let file = File::open(path)?;
        let bytes = file.metadata()?.len();
        Ok((bytes, file))
    };
    let opened = blocking(opening).await;
    let (bytes, file) =
        opened.map_err(|error| ApiError::unavailable("backup_unavailable", error.to_string()))?;
    let pieces = stream::try_unfold(file, |file| {
        blocking(move || {
            let mut piece = Vec::new();
            (&file).take(PIECE).read_to_end(&mut piece)?;
            Ok((!piece.is_empty()).then(|| (Bytes::from(piece), file)))
        })
    });
    Ok((bytes, pieces))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)))
}
