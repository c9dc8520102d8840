//! Turns in this process: the graph as a server runs it, without a server.

use std::sync::Arc;
use std::time::Instant;

use everthread_graph::contract::{At, Json, ThreadKey};
use everthread_graph::{AnyGraph, AnyInput, Error, EventData, RunOptions, StreamModes};
use everthread_store::{NewThread, Search, Store, StoreError};

use super::beside::Beside;
use super::speaker::{Heard, Reading, Trouble, check, input};

/// Messages that a search shows: the first page of a server's.
const FOUND: usize = 20;

/// Says messages to a graph.
pub(crate) struct Here {
    graph: Arc<dyn AnyGraph>,
    store: Arc<dyn Store>,
    reading: Reading,
}

impl Here {
    pub(super) fn new(graph: Arc<dyn AnyGraph>, store: Arc<dyn Store>, reading: Reading) -> Self {
        Self {
            graph,
            store,
            reading,
        }
    }

    /// Does something beside the turns.
    pub(super) async fn beside(
        &self,
        what: Beside,
        key: &ThreadKey,
        word: &str,
    ) -> Result<(), Trouble> {
        match what {
            Beside::Read => drop(self.graph.state(key, At::Head, false).await?),
            Beside::Search => {
                let search = Search {
                    words: word.to_owned(),
                    thread: None,
                    offset: 0,
                    limit: FOUND,
                };
                self.store.search(&key.user, search).await?;
            }
            Beside::New => {
                self.store.create_thread(key, NewThread::default()).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn say(&self, key: &ThreadKey, text: &str) -> Result<Heard, Trouble> {
        let begun = Instant::now();
        let input = AnyInput::Update(Json::trusted(&input(text).to_string()));
        let modes = match self.reading {
            Reading::Whole => StreamModes::VALUES,
            Reading::Stream => StreamModes::MESSAGES,
        };
        let mut stream = self.graph.stream(key, input, modes, RunOptions::new())?;
        let mut heard = Heard::default();
        while let Some(event) = stream.next().await {
            if matches!(event?.data, EventData::Message { .. }) && heard.first_token.is_none() {
                heard.first_token = Some(begun.elapsed());
            }
        }
        if self.reading == Reading::Whole {
            let output = stream.output().ok_or_else(|| Trouble::new("no_output"))?;
            check(output.values.json()?.as_str().as_bytes())?;
        }
        Ok(heard)
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::new(format!("{:?}", error.kind()))
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::new(format!("{:?}", error.kind()))
    }
}
