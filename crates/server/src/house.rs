//! Everything that stands over one open store: handlers, runs, and what is done beside requests. When the store is
//! replaced, all of it is left and put up anew, so that nothing remembers the old one.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::task::AbortOnDropHandle;

use crate::app::{App, AppState};
use crate::assistants::Assistants;
use crate::backups::{self, BackupProbe, Jobs};
use crate::front::Front;
use crate::gate::Gate;
use crate::graphs::Graphs;
use crate::openai::{Offer, OpenAi, Turns};
use crate::runs::Hub;
use crate::server::Server;
use crate::sessions::{self, Sessions};
use crate::upkeep;

/// How long answers that began before a replacement may take after the last run: some are read slowly.
const LINGER: Duration = Duration::from_secs(5);

/// What stays when a store is replaced.
pub(crate) struct Ground {
    /// Where the server listens.
    pub(crate) address: IpAddr,
    pub(crate) started: Instant,
    pub(crate) jobs: Option<Arc<Jobs>>,
}

/// The house.
pub(crate) struct House {
    pub(crate) app: App,
    tasks: Vec<AbortOnDropHandle<()>>,
}

impl House {
    /// Puts everything up, and takes up the runs that other processes left.
    ///
    /// # Errors
    /// As [`Front::new`]; those of the store. It stays open then, and nothing of this server is at work on it.
    pub(crate) async fn open(server: Server, ground: &Ground) -> io::Result<Self> {
        let mut parts = server.front;
        if let Some(jobs) = &ground.jobs {
            let probe = BackupProbe::new(jobs.clone(), ground.started);
            parts.probes.push(Arc::new(probe));
        }
        let front = Front::new(parts, &server.store, ground.address, ground.started).await?;
        let first = server.graphs.first().map(|first| first.name().to_owned());
        let offer = server
            .offer
            .unwrap_or_else(|| Offer::new(first.unwrap_or_default()));
        let now_ms = jiff::Timestamp::now().as_millisecond();
        let graphs = Graphs::new(server.graphs, now_ms);
        let assistants = Arc::new(Assistants::new(graphs, server.store.clone()));
        let runs = Hub::new(
            server.store.clone(),
            assistants.clone(),
            server.settings.clone(),
            front.metrics.clone(),
        );
        if let Err(error) = runs.recover().await {
            runs.stop().await;
            return Err(io::Error::other(error));
        }
        let app = App::new(AppState {
            store: server.store,
            settings: server.settings,
            front,
            gate: Gate::default(),
            assistants,
            runs,
            openai: OpenAi {
                offer,
                turns: Turns::default(),
            },
            sessions: Sessions::default(),
            embedder: server.embedder,
            jobs: ground.jobs.clone(),
        });
        let mut tasks = vec![
            AbortOnDropHandle::new(tokio::spawn(app.runs.clone().keep_recovering())),
            AbortOnDropHandle::new(tokio::spawn(app.runs.clone().hear_asks())),
            AbortOnDropHandle::new(tokio::spawn(upkeep::keep_up(app.clone()))),
            AbortOnDropHandle::new(tokio::spawn(sessions::keep(app.clone()))),
        ];
        if let Some(jobs) = &ground.jobs {
            let keeping = backups::keep_schedule(app.clone(), jobs.clone());
            tasks.push(AbortOnDropHandle::new(tokio::spawn(keeping)));
        }
        Ok(Self { app, tasks })
    }

    /// Lets nobody in any more, lets runs come to their ends or leaves them, and waits until those who came in have
    /// their answers.
    pub(crate) async fn drain(&self) {
        self.app.gate.shut();
        self.app.runs.stop().await;
        if tokio::time::timeout(LINGER, self.app.gate.empty())
            .await
            .is_err()
        {
            tracing::warn!(operation = "restore", "answers are broken off");
        }
    }

    /// Ends what is done beside requests. The store stays open.
    pub(crate) async fn leave(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
        for task in self.tasks.drain(..) {
            // It was aborted, or has ended.
            let _ = task.await;
        }
        self.app.sessions.write(&*self.app.store).await;
    }
}
