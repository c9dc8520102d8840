//! Assistants: a graph with a configuration. Each graph is one by itself; others are made by those who manage the
//! deployment, and are kept with all their versions as documents of the store.

use std::collections::BTreeMap;
use std::sync::Arc;

use everthread_graph::AnyGraph;
use everthread_graph::contract::Json;
use everthread_store::{ListRecords, Record, Store, StoreErrorKind};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::error::ApiError;
use crate::graphs::Graphs;
use crate::wire::{AssistantCreate, AssistantPatch, iso};

/// The kind of their documents.
const KIND: &str = "assistant";
/// Versions that are kept of one assistant; the oldest go first.
const MAX_VERSIONS: usize = 100;
/// Documents that are read at a time.
const PAGE: usize = 500;

/// An assistant as it is now.
#[derive(Debug, Clone)]
pub(crate) struct Assistant {
    pub(crate) id: Uuid,
    pub(crate) version: Version,
    pub(crate) created_ms: i64,
    pub(crate) updated_ms: i64,
}

/// What a version says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Version {
    pub(crate) version: u64,
    pub(crate) graph: String,
    pub(crate) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    #[serde(default)]
    pub(crate) config: Map<String, Value>,
    #[serde(default)]
    pub(crate) context: Map<String, Value>,
    #[serde(default)]
    pub(crate) metadata: Map<String, Value>,
    pub(crate) created_ms: i64,
}

/// An assistant at rest.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct AtRest {
    latest: u64,
    versions: BTreeMap<u64, Version>,
}

impl Assistant {
    fn of_record(record: &Record) -> Option<(Self, AtRest)> {
        let kept: AtRest = record.body.read().ok()?;
        let version = kept.versions.get(&kept.latest)?.clone();
        let assistant = Self {
            id: record.id.parse().ok()?,
            version,
            created_ms: record.created_ms,
            updated_ms: record.updated_ms,
        };
        Some((assistant, kept))
    }

    fn of_graph(id: Uuid, graph: &dyn AnyGraph, since_ms: i64) -> Self {
        let mut metadata = Map::new();
        metadata.insert("created_by".to_owned(), "system".into());
        Self {
            id,
            version: Version {
                version: 1,
                graph: graph.name().to_owned(),
                name: graph.name().to_owned(),
                description: None,
                config: Map::new(),
                context: Map::new(),
                metadata,
                created_ms: since_ms,
            },
            created_ms: since_ms,
            updated_ms: since_ms,
        }
    }

    /// As clients read it.
    pub(crate) fn to_wire(&self) -> Value {
        let mut wire = self.version.to_wire(self.id);
        wire["created_at"] = iso(self.created_ms).into();
        wire["updated_at"] = iso(self.updated_ms).into();
        wire
    }
}

impl Version {
    fn to_wire(&self, id: Uuid) -> Value {
        json!({
            "assistant_id": id.to_string(),
            "graph_id": self.graph,
            "config": self.config,
            "context": self.context,
            "metadata": self.metadata,
            "name": self.name,
            "created_at": iso(self.created_ms),
            "version": self.version,
            "description": self.description,
        })
    }
}

/// The assistants of a deployment.
pub(crate) struct Assistants {
    pub(crate) graphs: Graphs,
    store: Arc<dyn Store>,
}

/// What an assistant id stands for.
pub(crate) struct Resolved {
    pub(crate) assistant: Assistant,
    pub(crate) graph: Arc<dyn AnyGraph>,
}

impl Assistants {
    pub(crate) fn new(graphs: Graphs, store: Arc<dyn Store>) -> Self {
        Self { graphs, store }
    }

    /// The names of the graphs, for people.
    pub(crate) fn graph_names(&self) -> String {
        self.graphs.names()
    }

    /// The assistant of an id or of a graph's name, with its graph.
    ///
    /// # Errors
    /// 404 for an unknown UUID, 422 for an unknown name; as the store answers.
    pub(crate) async fn resolve(&self, named: &str) -> Result<Resolved, ApiError> {
        let own = |graph: &Arc<dyn AnyGraph>| {
            let id = crate::graphs::id_of(graph.name());
            Resolved {
                assistant: Assistant::of_graph(id, &**graph, self.graphs.since_ms),
                graph: graph.clone(),
            }
        };
        if let Some(graph) = self.graphs.by_name(named) {
            return Ok(own(graph));
        }
        let Ok(id) = Uuid::parse_str(named) else {
            return Err(ApiError::invalid(format!(
                "Invalid assistant: {named:?}. It must be the UUID of an assistant, or one of the registered graphs: {}",
                self.graphs.names()
            )));
        };
        if let Some(graph) = self.graphs.by_id(id) {
            return Ok(own(graph));
        }
        let (assistant, _) = self.read(id).await?;
        let Some(graph) = self.graphs.by_name(&assistant.version.graph) else {
            return Err(ApiError::conflict(
                "graph_missing",
                format!(
                    "assistant {id} runs the graph {:?}, which this server does not have",
                    assistant.version.graph
                ),
            ));
        };
        let graph = graph.clone();
        Ok(Resolved { assistant, graph })
    }

    async fn record(&self, id: Uuid) -> Result<Record, ApiError> {
        let record = self.store.record(KIND, &id.to_string()).await?;
        record.ok_or_else(|| ApiError::not_found(format!("Assistant with ID {id}")))
    }

    async fn read(&self, id: Uuid) -> Result<(Assistant, AtRest), ApiError> {
        let record = self.record(id).await?;
        of_record(&record)
    }

    /// Every assistant, the newest first.
    ///
    /// # Errors
    /// As the store answers.
    pub(crate) async fn all(&self) -> Result<Vec<Assistant>, ApiError> {
        let since_ms = self.graphs.since_ms;
        let own = self.graphs.iter();
        let mut all: Vec<Assistant> = own
            .map(|(id, graph)| Assistant::of_graph(*id, &**graph, since_ms))
            .collect();
        let mut offset = 0;
        loop {
            let page = ListRecords {
                offset,
                limit: PAGE,
            };
            let records = self.store.records(KIND, page).await?;
            offset += records.len();
            let made = records.iter().filter_map(Assistant::of_record);
            all.extend(made.map(|(assistant, _)| assistant));
            if records.len() < PAGE {
                break;
            }
        }
        all.sort_by_key(|one| std::cmp::Reverse((one.created_ms, one.id)));
        Ok(all)
    }

    /// Makes an assistant.
    ///
    /// # Errors
    /// 422 for an unknown graph or a context that none of its runs could have, 409 when it is there; as the store
    /// answers.
    pub(crate) async fn create(&self, asked: AssistantCreate) -> Result<Assistant, ApiError> {
        if self.graphs.by_name(&asked.graph_id).is_none() {
            return Err(ApiError::invalid(format!(
                "there is no graph {:?}; the registered graphs are {}",
                asked.graph_id,
                self.graphs.names()
            )));
        }
        if let Some(context) = &asked.context {
            self.check_context(&asked.graph_id, context)?;
        }
        let id = asked.assistant_id.unwrap_or_else(Uuid::now_v7);
        let config = asked.config.unwrap_or_default();
        let context = asked.context.unwrap_or_else(|| configurable(&config));
        let version = Version {
            version: 1,
            name: asked.name.unwrap_or_else(|| "Untitled".to_owned()),
            graph: asked.graph_id,
            description: asked.description,
            config,
            context,
            metadata: asked.metadata.unwrap_or_default(),
            created_ms: now_ms(),
        };
        let kept = AtRest {
            latest: 1,
            versions: BTreeMap::from([(1, version)]),
        };
        let taken = self.graphs.by_id(id).is_some();
        let existing = asked.if_exists.as_deref() == Some("do_nothing");
        let exists =
            || ApiError::conflict("exists", format!("Assistant with ID {id} already exists"));
        if taken {
            return if existing {
                self.resolve(&id.to_string())
                    .await
                    .map(|found| found.assistant)
            } else {
                Err(exists())
            };
        }
        match self
            .store
            .put_record(KIND, &id.to_string(), None, body(&kept)?)
            .await
        {
            Ok(record) => Ok(of_record(&record)?.0),
            Err(error) if error.kind() == StoreErrorKind::Exists => {
                if existing {
                    Ok(self.read(id).await?.0)
                } else {
                    Err(exists())
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Makes a new version of an assistant, which becomes the latest.
    ///
    /// # Errors
    /// 404, 409 for a graph's own assistant or when another changed it meanwhile, 422 as for a new one; as the store
    /// answers.
    pub(crate) async fn patch(
        &self,
        id: Uuid,
        patch: AssistantPatch,
    ) -> Result<Assistant, ApiError> {
        self.fixed(id)?;
        if let Some(graph) = patch
            .graph_id
            .as_deref()
            .filter(|name| self.graphs.by_name(name).is_none())
        {
            return Err(ApiError::invalid(format!("there is no graph {graph:?}")));
        }
        if let Some(context) = &patch.context {
            let graph = match &patch.graph_id {
                Some(graph) => graph.clone(),
                None => self.read(id).await?.0.version.graph,
            };
            self.check_context(&graph, context)?;
        }
        self.change(id, |kept| {
            let mut version = kept.versions.get(&kept.latest)?.clone();
            if let Some(config) = patch.config {
                if patch.context.is_none() {
                    version.context = configurable(&config);
                }
                version.config = config;
            }
            version.context = patch.context.unwrap_or(version.context);
            version.graph = patch.graph_id.unwrap_or(version.graph);
            version.name = patch.name.unwrap_or(version.name);
            version.description = patch.description.or(version.description);
            version.metadata.extend(patch.metadata.unwrap_or_default());
            version.version = kept.versions.keys().next_back().map_or(1, |last| last + 1);
            version.created_ms = now_ms();
            kept.latest = version.version;
            kept.versions.insert(version.version, version);
            while kept.versions.len() > MAX_VERSIONS {
                kept.versions.pop_first();
            }
            Some(())
        })
        .await
    }

    /// Makes an old version the latest.
    ///
    /// # Errors
    /// 404 for an unknown assistant or version, 409 for a graph's own; as the store answers.
    pub(crate) async fn set_latest(&self, id: Uuid, version: u64) -> Result<Assistant, ApiError> {
        self.fixed(id)?;
        self.change(id, |kept| {
            kept.versions.get(&version)?;
            kept.latest = version;
            Some(())
        })
        .await
    }

    async fn change(
        &self,
        id: Uuid,
        change: impl FnOnce(&mut AtRest) -> Option<()>,
    ) -> Result<Assistant, ApiError> {
        let record = self.record(id).await?;
        let (_, mut kept) = of_record(&record)?;
        change(&mut kept).ok_or_else(|| ApiError::not_found("the version"))?;
        let expected = Some(record.version);
        let record = self
            .store
            .put_record(KIND, &record.id, expected, body(&kept)?)
            .await?;
        Ok(of_record(&record)?.0)
    }

    /// Deletes an assistant.
    ///
    /// # Errors
    /// 404, 409 for a graph's own; as the store answers.
    pub(crate) async fn delete(&self, id: Uuid) -> Result<(), ApiError> {
        self.fixed(id)?;
        if self.store.delete_record(KIND, &id.to_string()).await? {
            Ok(())
        } else {
            Err(ApiError::not_found(format!("Assistant with ID {id}")))
        }
    }

    /// The versions of an assistant, the newest first.
    ///
    /// # Errors
    /// 404; as the store answers.
    pub(crate) async fn versions(&self, id: Uuid) -> Result<Vec<Value>, ApiError> {
        if let Some(graph) = self.graphs.by_id(id) {
            let only = Assistant::of_graph(id, &**graph, self.graphs.since_ms);
            return Ok(vec![only.version.to_wire(id)]);
        }
        let (_, kept) = self.read(id).await?;
        let versions = kept.versions.values().rev();
        Ok(versions.map(|one| one.to_wire(id)).collect())
    }

    /// An assistant, its graph here or not.
    ///
    /// # Errors
    /// As [`Assistants::resolve`].
    pub(crate) async fn find(&self, named: &str) -> Result<Assistant, ApiError> {
        match Uuid::parse_str(named) {
            Ok(id) if self.graphs.by_id(id).is_none() => Ok(self.read(id).await?.0),
            _ => Ok(self.resolve(named).await?.assistant),
        }
    }

    /// A context is looked at when it is given, because nobody looks when it is used. That of an older client, given as
    /// what is configurable, may hold anything.
    fn check_context(&self, graph: &str, context: &Map<String, Value>) -> Result<(), ApiError> {
        let Some(graph) = self.graphs.by_name(graph) else {
            return Ok(());
        };
        let context = Json::of(context).map_err(|error| ApiError::invalid(error.to_string()))?;
        Ok(graph.check_context(&context)?)
    }

    /// A graph's own assistant cannot be changed.
    fn fixed(&self, id: Uuid) -> Result<(), ApiError> {
        match self.graphs.by_id(id) {
            None => Ok(()),
            Some(graph) => Err(ApiError::conflict(
                "system_assistant",
                format!(
                    "this assistant is the graph {:?} itself and cannot be changed; make one of your own of it",
                    graph.name()
                ),
            )),
        }
    }
}

fn of_record(record: &Record) -> Result<(Assistant, AtRest), ApiError> {
    Assistant::of_record(record).ok_or_else(|| {
        ApiError::conflict(
            "assistant_unreadable",
            format!(
                "assistant {} cannot be read: delete it and make it anew",
                record.id
            ),
        )
    })
}

fn body(kept: &AtRest) -> Result<Json, ApiError> {
    Json::of(kept).map_err(|error| ApiError::invalid(error.to_string()))
}

/// What older clients give in place of a context.
fn configurable(config: &Map<String, Value>) -> Map<String, Value> {
    let inner = config.get("configurable").and_then(Value::as_object);
    inner.cloned().unwrap_or_default()
}

fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
