//! Who holds a run: a lease for each open store, which is renewed while its process lives and runs out by the
//! database's clock when it does not.
//!
//! One row is renewed for a process, however many runs it holds. The lease has a connection of its own, so that it does
//! not wait behind what the process does. A store that is closed gives its lease back: others need not wait.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use everthread_graph::contract::StoreError;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::conn::Statements;
use crate::error::{Sql, database};
use crate::open::Opener;

/// Leases that ran out so long ago are forgotten: nobody holds anything by them.
const FORGOTTEN: &str = "1 day";

/// This store's own lease.
#[derive(Debug)]
pub(crate) struct Owner {
    name: Uuid,
    /// Dropped when the lease is to be given back.
    stop: std::sync::Mutex<Option<watch::Sender<()>>>,
    keeper: std::sync::Mutex<Option<JoinHandle<()>>>,
}

/// What renews a lease.
struct Keeper {
    name: Uuid,
    lease: Duration,
    opener: Opener,
    statements: Arc<Statements>,
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").field("name", &self.name).finish()
    }
}

impl Owner {
    /// Takes a lease, and keeps it until the owner is released or dropped.
    pub(crate) async fn take(
        opener: Opener,
        statements: Arc<Statements>,
        lease: Duration,
    ) -> Result<Self, StoreError> {
        let name = Uuid::now_v7();
        let keeper = Keeper {
            name,
            lease,
            opener,
            statements,
        };
        let (stop, stopped) = watch::channel(());
        let (taken, answer) = oneshot::channel();
        let task = tokio::spawn(keeper.keep(taken, stopped));
        answer
            .await
            .unwrap_or_else(|_| Err(crate::error::closed()))?;
        Ok(Self {
            name,
            stop: std::sync::Mutex::new(Some(stop)),
            keeper: std::sync::Mutex::new(Some(task)),
        })
    }

    /// The name under which runs say whose they are.
    pub(crate) fn name(&self) -> Uuid {
        self.name
    }

    /// Gives the lease back: runs that are still active become orphans.
    pub(crate) async fn release(&self) {
        drop(take(&self.stop));
        let keeper = take(&self.keeper);
        if let Some(keeper) = keeper {
            // It ends by itself: what it cannot give back runs out.
            let _ = keeper.await;
        }
    }
}

fn take<T>(slot: &std::sync::Mutex<Option<T>>) -> Option<T> {
    slot.lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
        .take()
}

impl Keeper {
    async fn keep(
        self,
        taken: oneshot::Sender<Result<(), StoreError>>,
        mut stopped: watch::Receiver<()>,
    ) {
        let mut client = match self.begin().await {
            Ok(client) => Some(client),
            Err(error) => {
                let _ = taken.send(Err(error));
                return;
            }
        };
        let _ = taken.send(Ok(()));
        loop {
            tokio::select! {
                // An error: the other end is gone, and so is the owner.
                _ = stopped.changed() => break,
                () = tokio::time::sleep(self.lease / 3) => {}
            }
            client = match self.again(client).await {
                Ok(client) => Some(client),
                Err(error) => {
                    tracing::warn!(error = %error, "the lease of this process's runs could not be renewed");
                    None
                }
            };
        }
        if let Some(client) = client {
            let sql = self
                .statements
                .place("DELETE FROM our.leases WHERE owner = $1");
            if let Err(error) = client.execute_typed(&sql, &[(&self.name, uuid())]).await {
                tracing::warn!(%error, "the lease of this process's runs runs out by itself");
            }
        }
    }

    async fn begin(&self) -> Result<Client, StoreError> {
        let client = self.opener.connect().await?;
        let sweep = self.statements.place(&format!(
            "DELETE FROM our.leases WHERE until < now() - interval '{FORGOTTEN}'"
        ));
        let swept = client.execute_typed(&sweep, &[]).await;
        swept.map_err(|error| database(&error, "opening the store"))?;
        self.renew(&client).await?;
        Ok(client)
    }

    async fn again(&self, client: Option<Client>) -> Result<Client, StoreError> {
        let client = match client.filter(|client| !client.is_closed()) {
            Some(client) => client,
            None => self.opener.connect().await?,
        };
        self.renew(&client).await?;
        Ok(client)
    }

    async fn renew(&self, client: &Client) -> Result<(), StoreError> {
        let milliseconds = i64::try_from(self.lease.as_millis()).unwrap_or(i64::MAX);
        let sql = self.statements.place(
            "INSERT INTO our.leases (owner, until) VALUES ($1, now() + $2 * interval '1 millisecond')
             ON CONFLICT (owner) DO UPDATE SET until = excluded.until",
        );
        let params: [(&(dyn tokio_postgres::types::ToSql + Sync), _); 2] = [
            (&self.name, uuid()),
            (&milliseconds, tokio_postgres::types::Type::INT8),
        ];
        let renewal = client.execute_typed(&sql, &params);
        let renewed = match tokio::time::timeout(self.lease / 3, renewal).await {
            Ok(renewed) => renewed,
            Err(_) => {
                return Err(StoreError::new(
                    everthread_graph::contract::StoreErrorKind::Unavailable,
                    "the database does not answer",
                ));
            }
        };
        let written: Sql<u64> = renewed.map_err(Into::into);
        written
            .map(drop)
            .map_err(|fault| fault.into_store("renewing a lease"))
    }
}

fn uuid() -> tokio_postgres::types::Type {
    tokio_postgres::types::Type::UUID
}
