//! Changing a thread without running it, by JSON.

use super::input::{AnyGoto, update};
use super::invalid;
use crate::command::{END, Goto, START};
use crate::contract::{At, CheckpointId, Json, Source, ThreadKey};
use crate::error::Error;
use crate::graph::CompiledGraph;
use crate::run::RunOptions;
use crate::state::State;
use crate::thread::Written;

/// LangGraph's name for the one who gives an input: what follows is an input's checkpoint.
const INPUT: &str = "__input__";
/// LangGraph's name for a copy of a checkpoint, which begins a branch.
const COPY: &str = "__copy__";

/// One step that is written to a thread as though nodes had run: it becomes one checkpoint.
///
/// The names [`START`] and `__input__` stand for an input, [`END`] for leaving nothing to do, `__copy__` for a copy of
/// the checkpoint in which nothing else changes. Without a name it is the node that wrote last. Without values and
/// without a name the checkpoint is copied, with what it plans.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AnyEdit {
    /// What is written: an object of channels, or an array of such objects and of `[channel, value]` pairs.
    pub values: Option<Json>,
    /// In whose name.
    pub as_node: Option<String>,
    /// Where to go beside what follows the node.
    pub goto: Vec<AnyGoto>,
    /// What other nodes write in the same step; what these hold in turn does not count.
    pub beside: Vec<AnyEdit>,
    /// A JSON object that is kept with the checkpoint.
    pub metadata: Option<Json>,
}

impl AnyEdit {
    /// An update with these values.
    #[must_use]
    pub fn new(values: Json) -> Self {
        Self {
            values: Some(values),
            ..Self::default()
        }
    }

    /// In the name of this node.
    #[must_use]
    pub fn as_node(mut self, name: impl Into<String>) -> Self {
        self.as_node = Some(name.into());
        self
    }

    fn is_copy(&self) -> bool {
        self.values.is_none() && self.goto.is_empty() && self.beside.is_empty()
    }
}

/// An edit with the graph's types.
enum Edit<S: State> {
    Copy(Source),
    Write(Source, Vec<Written<S>>),
}

pub(super) async fn write<S: State>(
    graph: &CompiledGraph<S>,
    key: &ThreadKey,
    at: At,
    edits: Vec<AnyEdit>,
) -> Result<CheckpointId, Error> {
    let mut typed = Vec::with_capacity(edits.len());
    for edit in edits {
        let metadata = edit.metadata.clone();
        typed.push((read(graph, edit)?, metadata));
    }
    let mut upon = match at {
        At::Head => None,
        At::Id(id) => Some(id),
    };
    for (edit, metadata) in typed {
        let mut options = RunOptions::new();
        options.checkpoint = upon;
        options.metadata = metadata;
        let thread = graph.thread(key).with(options);
        upon = Some(match edit {
            Edit::Copy(source) => thread.copy(source).await?,
            Edit::Write(source, all) => thread.write(source, all).await?,
        });
    }
    upon.ok_or_else(|| invalid("there is no update to write"))
}

fn read<S: State>(graph: &CompiledGraph<S>, edit: AnyEdit) -> Result<Edit<S>, Error> {
    match edit.as_node.as_deref() {
        None if edit.is_copy() => return Ok(Edit::Copy(Source::Update)),
        Some(COPY) if edit.is_copy() => return Ok(Edit::Copy(Source::Fork)),
        Some(COPY) => {
            return Err(invalid(format!(
                "{COPY:?} copies a checkpoint as it is: write the values in a step of their own"
            )));
        }
        _ => {}
    }
    let is_input = edit.as_node.as_deref() == Some(INPUT);
    let source = if is_input {
        Source::Input
    } else {
        Source::Update
    };
    let AnyEdit {
        values,
        as_node,
        goto,
        beside,
        ..
    } = edit;
    let mut all = vec![written(graph, values, as_node, goto)?];
    for other in beside {
        all.push(written(graph, other.values, other.as_node, other.goto)?);
    }
    Ok(Edit::Write(source, all))
}

fn written<S: State>(
    graph: &CompiledGraph<S>,
    values: Option<Json>,
    as_node: Option<String>,
    goto: Vec<AnyGoto>,
) -> Result<Written<S>, Error> {
    let as_node = as_node.map(|name| match name.as_str() {
        INPUT => START.to_owned(),
        _ => name,
    });
    if let Some(name) = as_node
        .as_deref()
        .filter(|name| ![START, END].contains(name))
    {
        super::input::known(graph, name)?;
    }
    let places = goto.into_iter().map(|place| place.typed(graph));
    Ok(Written {
        update: values.map_or_else(|| Ok(S::Update::default()), |json| update::<S>(&json))?,
        as_node,
        goto: places.collect::<Result<Vec<Goto>, Error>>()?,
    })
}
