//! Opening a store again after another took its place.

use std::error::Error;

use async_trait::async_trait;

use crate::server::Server;

/// Opens the store again and puts over it what a server needs, as it was done at the start.
#[async_trait]
pub trait Reopen: Send + Sync {
    /// The server over the store that is there now. Its listener and its backups are those of the server that asks;
    /// the store is closed by that.
    ///
    /// # Errors
    /// When the store cannot be opened or nothing can be put over it; then it is not open.
    async fn reopen(&self) -> Result<Server, Box<dyn Error + Send + Sync>>;
}
