//! Turns in this process: the graph as a server runs it, without a server.

use std::sync::Arc;
use std::time::Instant;

use everthread_graph::contract::{Json, ThreadKey};
use everthread_graph::{AnyGraph, AnyInput, Error, EventData, RunOptions, StreamModes};

use super::speaker::{Heard, Reading, Trouble, check, input};

/// Says messages to a graph.
pub(super) struct Here {
    graph: Arc<dyn AnyGraph>,
    reading: Reading,
}

impl Here {
    pub(super) fn new(graph: Arc<dyn AnyGraph>, reading: Reading) -> Self {
        Self { graph, reading }
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

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::new(format!("{:?}", error.kind()))
    }
}
