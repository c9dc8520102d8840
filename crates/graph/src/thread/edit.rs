//! Changing a thread without running it: updates in a node's name, and forks.

use std::sync::Arc;

use super::Thread;
use crate::command::{END, Goto, START};
use crate::contract::{
    At, ChannelChange, Checkpoint, CheckpointId, Commit, Namespace, Removal, RunMark, Source,
    StoreErrorKind,
};
use crate::error::{Error, ErrorKind, did_you_mean};
use crate::head::Head;
use crate::plan::{Finished, NodeRef, Plan};
use crate::run::{self, Left};
use crate::state::{State, Step, Update};

/// How often an update that finds the head moved begins anew.
const MAX_CONFLICTS: u32 = 16;

/// One update in a node's name.
#[derive(Debug, Clone)]
pub(crate) struct Written<S: State> {
    pub(crate) update: S::Update,
    /// The node; without one it is the node that wrote last.
    pub(crate) as_node: Option<String>,
    /// Where to go beside what follows the node.
    pub(crate) goto: Vec<Goto>,
}

/// In whose name an update is made.
enum As {
    Start,
    End,
    Node(NodeRef),
}

impl<S: State> Thread<S> {
    /// Writes to the thread as though a node had, and plans what follows that node; tasks that were pending are
    /// discarded, but what finished ones among them wrote is in the state before. Without a name it is the node that wrote last; [`START`] stands for an input, [`END`] leaves
    /// nothing to do. Elements that are removed leave the transcript too. Gives the new checkpoint.
    ///
    /// # Errors
    /// `AmbiguousNode` when several nodes wrote last and none is named, `InvalidInput` for an unknown node,
    /// `InvalidUpdate`, `Corrupt`, `NoCheckpointer`, `Store(Busy)` while a run is active, `Store(..)`.
    pub async fn update_state(
        &self,
        update: S::Update,
        as_node: Option<&str>,
    ) -> Result<CheckpointId, Error> {
        let written = Written {
            update,
            as_node: as_node.map(str::to_owned),
            goto: Vec::new(),
        };
        self.write(Source::Update, vec![written]).await
    }

    /// Writes as though these nodes had, in one step.
    pub(crate) async fn write(
        &self,
        source: Source,
        mut all: Vec<Written<S>>,
    ) -> Result<CheckpointId, Error> {
        let mint = &self.graph.inner.settings.mint;
        for written in &mut all {
            written.update.prepare(&mut || mint.element());
        }
        self.edit(source, |thread, base| {
            let mut state = base.state.fork();
            let left = Left::at(&thread.graph, base)?;
            let left = left.apply(&mut state, mint, true)?;
            let mut step = Step::new(mint, Removal::User, true);
            let mut authors = Vec::with_capacity(all.len());
            for written in &all {
                let named = written.as_node.as_deref();
                authors.push(thread.author(&base.plan, named, base.id.is_none())?);
                state.apply(written.update.clone(), &mut step)?;
            }
            step.also_written(&left);
            let mut changes = Vec::new();
            state.settle(&base.state, &step, Some(&mut changes))?;
            let gotos = all.iter().map(|written| written.goto.clone());
            let authors: Vec<_> = authors.into_iter().zip(gotos).collect();
            let plan = thread.plan_after(&base.plan, authors, &state)?;
            Ok((plan, changes))
        })
        .await
    }

    /// Makes the checkpoint once more, with all that it plans; what finished tasks left there is not taken over.
    pub(crate) async fn copy(&self, source: Source) -> Result<CheckpointId, Error> {
        self.edit(source, |_, base| Ok((base.plan.clone(), Vec::new())))
            .await
    }

    /// Begins a new branch at a checkpoint, which becomes the head. Gives the new checkpoint; a run then goes on
    /// from there.
    ///
    /// # Errors
    /// `Store(NotFound)` when the thread has no such checkpoint, and as [`Thread::update_state`].
    pub async fn fork(&self, checkpoint: CheckpointId) -> Result<CheckpointId, Error> {
        let options = self.options.clone().checkpoint(checkpoint);
        self.clone().with(options).copy(Source::Fork).await
    }

    async fn edit(
        &self,
        source: Source,
        change: impl Fn(&Self, &Head<S>) -> Result<(Plan, Vec<ChannelChange>), Error>,
    ) -> Result<CheckpointId, Error> {
        let (checkpointer, key) = (self.checkpointer()?, self.key()?);
        let root = Namespace::root();
        let mut conflicts = 0;
        loop {
            let (base, expected) = self.base().await?;
            let (mut plan, changes) = change(self, &base)?;
            plan.anchor = None;
            let mint = &self.graph.inner.settings.mint;
            let id = mint.checkpoint(expected.max(base.last));
            let commit = Commit {
                key: key.clone(),
                checkpoint: Checkpoint {
                    id,
                    ns: root.clone(),
                    parent: base.id,
                    run: None,
                    source,
                    step: base.step + 1,
                    plan: plan.to_json(&self.graph.inner.topology)?,
                    metadata: self.options.metadata.clone(),
                    at_ms: mint.now_ms(),
                },
                expected,
                changes,
                run: RunMark::Outside,
            };
            self.graph.forget(&key, &root);
            match checkpointer.commit(commit).await?.durable().await {
                Ok(()) => return Ok(id),
                Err(error)
                    if error.kind() == StoreErrorKind::Conflict && conflicts < MAX_CONFLICTS =>
                {
                    conflicts += 1;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The checkpoint that is edited, with what finished tasks wrote after it, and the head.
    async fn base(&self) -> Result<(Head<S>, Option<CheckpointId>), Error> {
        let topology = &self.graph.inner.topology;
        let head = self.saved(At::Head).await?;
        let expected = head.as_ref().map(|head| head.checkpoint.id);
        let saved = match self.options.checkpoint {
            Some(id) if Some(id) != expected => {
                let saved = self.saved(At::Id(id)).await?.ok_or_else(|| {
                    let key = self
                        .key()
                        .map_or_else(|_| "the thread".to_owned(), |k| k.to_string());
                    let context = format!("{key} has no checkpoint {id}");
                    Error::new(ErrorKind::Store(StoreErrorKind::NotFound), context)
                })?;
                Some(saved)
            }
            _ => head,
        };
        let base = saved.map(|saved| Head::of(saved, topology)).transpose()?;
        let mut base = base.unwrap_or_else(|| Head::empty(Arc::new(S::initial())));
        if base.id != expected {
            base.pending.clear(); // What was left there is of another line.
        }
        Ok((base, expected))
    }

    /// In whose name an update is made.
    fn author(&self, plan: &Plan, named: Option<&str>, empty: bool) -> Result<As, Error> {
        let topology = &self.graph.inner.topology;
        let find = |name: &str| match name {
            START => Ok(As::Start),
            END => Ok(As::End),
            name => topology.find(name).map(As::Node).ok_or_else(|| {
                let hint = did_you_mean(name, topology.names().map(|known| &**known));
                Error::new(
                    ErrorKind::InvalidInput,
                    format!("there is no node {name:?}{hint}"),
                )
            }),
        };
        if let Some(name) = named {
            return find(name);
        }
        if topology.names().len() == 1 {
            return Ok(As::Node(NodeRef(0)));
        }
        match plan.writers.as_slice() {
            [] if empty => Ok(As::Start),
            [only] => find(only),
            writers => Err(Error::new(
                ErrorKind::AmbiguousNode,
                format!(
                    "{} wrote last; say as which node the update is meant",
                    if writers.is_empty() {
                        "no node".to_owned()
                    } else {
                        writers.join(", ")
                    }
                ),
            )),
        }
    }

    fn plan_after(
        &self,
        base: &Plan,
        authors: Vec<(As, Vec<Goto>)>,
        state: &S,
    ) -> Result<Plan, Error> {
        let graph = &self.graph.inner;
        let several = authors.len() > 1;
        let mut finished = Vec::with_capacity(authors.len());
        for (author, goto) in authors {
            let (name, routes) = match author {
                As::Start | As::End if several => {
                    return Err(Error::new(
                        ErrorKind::InvalidInput,
                        format!("{START:?} and {END:?} write alone, not beside others in one step"),
                    ));
                }
                As::End => return Ok(base.finished(&graph.topology)),
                As::Start => (START, &graph.start_routes),
                As::Node(node) => (&**graph.topology.name(node), &graph.routes[node.0]),
            };
            let targets = run::targets_of(&graph.topology, name, goto, routes, state)?;
            match author {
                As::Node(node) => finished.push(Finished {
                    node: Some(node),
                    targets,
                }),
                As::Start | As::End => return Ok(base.start(&graph.topology, targets)),
            }
        }
        Ok(base.advance(&graph.topology, &finished))
    }
}
