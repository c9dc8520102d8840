//! A run that is to be started, with everything that it takes.

use std::sync::Arc;

use everthread_graph::contract::{CheckpointId, Json, Multitask, NewRun, RunId, ThreadKey};
use everthread_graph::{AnyGraph, AnyInput, CancellationToken, Durability, RunOptions};

use super::kept::Kept;
use crate::wire::{DurabilityName, Mode, Modes};

/// A run that is to be started.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) id: RunId,
    pub(crate) key: ThreadKey,
    pub(crate) graph: Arc<dyn AnyGraph>,
    pub(crate) input: AnyInput,
    pub(crate) policy: Multitask,
    pub(crate) checkpoint: Option<CheckpointId>,
    pub(crate) kept: Arc<Kept>,
    /// How often it was begun, this time included.
    pub(crate) attempt: u32,
    /// The number of its first event.
    pub(crate) first_event: u64,
    /// The thread's metadata do not name graph and assistant yet.
    pub(crate) name_thread: bool,
}

impl Order {
    /// The modes that are streamed; unknown ones, which an older version kept, are let pass.
    pub(crate) fn modes(&self) -> Modes {
        let modes = self.kept.modes.iter();
        modes.filter_map(|name| Mode::from_name(name)).collect()
    }

    /// Begins at this checkpoint.
    pub(crate) fn begin_at(&mut self, id: CheckpointId) {
        self.checkpoint = Some(id);
        Arc::make_mut(&mut self.kept).checkpoint = Some(id.to_string());
    }

    /// How the engine is to run it.
    pub(crate) fn options(&self, cancel: CancellationToken) -> RunOptions {
        let kept = &self.kept;
        let mut options = RunOptions::new()
            .run_id(self.id)
            .cancel(cancel)
            .multitask(self.policy)
            .details(kept.to_json())
            .durability(durability(kept.durability))
            .interrupt_before(kept.before.iter().cloned())
            .interrupt_after(kept.after.iter().cloned())
            .subgraphs(kept.subgraphs);
        if let Some(limit) = kept
            .config
            .as_ref()
            .and_then(|config| config.recursion_limit)
        {
            options = options.recursion_limit(limit);
        }
        if let Some(id) = self.checkpoint {
            options = options.checkpoint(id);
        }
        if let (false, Ok(context)) = (kept.context.is_empty(), Json::of(&kept.context)) {
            options = options.context(context);
        }
        if let Some(metadata) = self.metadata() {
            options = options.metadata(metadata);
        }
        options
    }

    /// What is kept with each checkpoint: the run's own metadata.
    pub(crate) fn metadata(&self) -> Option<Json> {
        let kept = &self.kept;
        let of_config = kept
            .config
            .as_ref()
            .and_then(|config| config.metadata.clone());
        let mut all = of_config.unwrap_or_default();
        all.extend(kept.metadata.clone());
        (!all.is_empty()).then(|| Json::of(&all).ok()).flatten()
    }

    /// The run as it waits in the store.
    pub(crate) fn to_new_run(&self) -> NewRun {
        NewRun {
            id: self.id,
            graph: self.graph.name().to_owned(),
            input: self.input.to_json(),
            policy: self.policy,
            details: Some(self.kept.to_json()),
        }
    }
}

fn durability(name: DurabilityName) -> Durability {
    match name {
        DurabilityName::Sync => Durability::Sync,
        DurabilityName::Async => Durability::Async,
        DurabilityName::Exit => Durability::Exit,
    }
}
