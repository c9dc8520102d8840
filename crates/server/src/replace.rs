//! Replacing the store of a running server: drain, close, swap, open again. Whatever fails on the way, the store that
//! was there before is served again.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use everthread_backup::restore::Restored;
use everthread_store::Store;

use crate::backups::{Jobs, Replaced, Swap};
use crate::door::Door;
use crate::error::ApiError;
use crate::house::{Ground, House};

/// Time between two tries to open a store again that was open a moment ago.
const AGAIN: Duration = Duration::from_secs(1);

/// Replaces the store of a house; gives the one that stands over whichever store is there then.
pub(crate) async fn replace(
    mut house: House,
    swap: Swap,
    ground: &Ground,
    jobs: &Jobs,
    door: &Door,
) -> House {
    let Some(replaced) = jobs.replaced() else {
        return house;
    };
    let (job, outcome) = (swap.job.clone(), swap.outcome);
    tracing::info!(operation = "restore", job = %job.id, "the store is being replaced");
    house.drain().await;
    jobs.cancel_but(Some(&job)).await;
    house.leave().await;
    let swapped = match closed(&house).await {
        Ok(()) => swapped(swap.prepared, jobs).await,
        Err(error) => Err(error),
    };
    drop(house);
    let (house, told) = match swapped {
        Ok(restored) => open_new(restored, replaced, ground, jobs).await,
        Err(error) => (reopen_old(replaced, ground).await, Err(error)),
    };
    // What failed in the drain says nothing of the store that is there now.
    house.app.front.metrics.store_served(true);
    door.turn(house.app.router());
    // Whoever waits for the job finds the server open.
    let _ = outcome.send(told);
    house
}

/// Closes the store, and lets go of the runs that were left: their last checkpoints are in it.
async fn closed(house: &House) -> Result<(), ApiError> {
    let closed = house.app.store.close().await;
    house.app.runs.let_go();
    Ok(closed?)
}

async fn swapped(
    prepared: everthread_backup::restore::Prepared,
    jobs: &Jobs,
) -> Result<Restored, ApiError> {
    Ok(prepared.swap(Arc::clone(jobs.opener())).await?)
}

/// Opens the store that was swapped in; where that fails, the old one is put back.
async fn open_new(
    restored: Restored,
    replaced: &Replaced,
    ground: &Ground,
    jobs: &Jobs,
) -> (House, Result<Restored, ApiError>) {
    let why = match reopen(replaced, ground).await {
        Ok(house) => return (house, Ok(restored)),
        Err(why) => why,
    };
    tracing::error!(operation = "restore", error = %why, "the restored store cannot be served");
    let opener = Arc::clone(jobs.opener());
    let error = match restored.undo(&replaced.file, opener).await {
        Ok(()) => ApiError::conflict(
            "backup_unusable",
            format!("what was restored cannot be served, and the storage is as it was: {why}"),
        ),
        Err(error) => {
            tracing::error!(operation = "restore", %error, "the old store was not put back");
            error.into()
        }
    };
    (reopen_old(replaced, ground).await, Err(error))
}

/// Opens the store again that was open a moment ago, however often it takes.
async fn reopen_old(replaced: &Replaced, ground: &Ground) -> House {
    loop {
        match reopen(replaced, ground).await {
            Ok(house) => return house,
            Err(error) => {
                tracing::error!(operation = "restore", %error, "the store does not open again: there is another try");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

async fn reopen(
    replaced: &Replaced,
    ground: &Ground,
) -> Result<House, Box<dyn Error + Send + Sync>> {
    let server = replaced.reopen.reopen().await?;
    let store: Arc<dyn Store> = Arc::clone(&server.store);
    let opened: io::Result<House> = House::open(server, ground).await;
    match opened {
        Ok(house) => Ok(house),
        Err(error) => {
            if let Err(error) = store.close().await {
                tracing::warn!(operation = "restore", %error, "a store was not closed well");
            }
            Err(error.into())
        }
    }
}
