//! The composition root: which store and which model the words of the settings mean.

pub(crate) mod backup;
mod disk;
mod meaning;
mod models;
pub(crate) mod needs;
pub(crate) mod serving;
mod storage;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use everthread_chat::Chatbot;
use everthread_model::{ChatModel, ModelConfig, ModelSpec, open as open_any_model};
use everthread_sqlite::{Access, Location, SqliteOptions, SqliteStore};
use everthread_store::Store;

use crate::failure::{Exit, Failure};
use crate::settings::Settings;

pub(crate) use storage::Storage;

/// Opens the storage, which is created when it is a new file or a new schema.
pub(crate) async fn open_store(settings: &Settings) -> Result<Arc<dyn Store>, Failure> {
    let storage = Storage::named(&settings.storage())?;
    if let Storage::Sqlite(options) = &storage
        && let Location::File(path) = &options.location
        && settings.storage_is_default()
        && let Some(folder) = path.parent()
    {
        fs::create_dir_all(folder).map_err(|error| {
            let what = format!("the folder {} cannot be created", folder.display());
            Failure::new(Exit::Unavailable, what).because(error)
        })?;
    }
    storage.open().await
}

/// Opens the storage for a command that looks at what is there: a named file must exist; where nobody named one
/// and nobody has chatted yet, there is nothing to see.
pub(crate) async fn open_existing_store(settings: &Settings) -> Result<Arc<dyn Store>, Failure> {
    let storage = Storage::named(&settings.storage())?;
    match &storage {
        Storage::Sqlite(SqliteOptions {
            location: Location::File(path),
            ..
        }) if !path.exists() => missing(settings, path).await,
        _ => storage.open().await,
    }
}

/// Opens the storage for a command that only reads. It is read too where it cannot be written: in somebody else's
/// folder, or on a medium that takes nothing.
pub(crate) async fn open_to_read(settings: &Settings) -> Result<Arc<dyn Store>, Failure> {
    let opened = open_existing_store(settings).await;
    match opened {
        Err(failure) if failure.is_unavailable() => {
            let Storage::Sqlite(options) = Storage::named(&settings.storage())? else {
                return Err(failure);
            };
            let options = SqliteOptions {
                access: Access::ReadOnly,
                ..options
            };
            let store = SqliteStore::open(options)?;
            tracing::debug!(reason = %failure, "the storage is only read");
            Ok(Arc::new(store))
        }
        opened => opened,
    }
}

async fn missing(settings: &Settings, path: &Path) -> Result<Arc<dyn Store>, Failure> {
    if settings.storage_is_default() {
        return memory_store().await;
    }
    Err(Failure::new(
        Exit::NotFound,
        format!(
            "there is no storage at {}; `everthread chat --storage {}` begins one",
            path.display(),
            settings.storage()
        ),
    ))
}

/// A store that lasts as long as the process.
pub(crate) async fn memory_store() -> Result<Arc<dyn Store>, Failure> {
    Ok(Arc::new(SqliteStore::open(SqliteOptions::memory())?))
}

/// How models are set up.
pub(crate) fn model_config(settings: &Settings) -> ModelConfig {
    settings.model_config()
}

/// Opens a model, or a chain of them. A local model loads its weights when it is first asked.
pub(crate) fn open_model(spec: &str, config: &ModelConfig) -> Result<Arc<dyn ChatModel>, Failure> {
    let spec: ModelSpec = spec.parse()?;
    Ok(open_any_model(&spec, config)?)
}

/// The chat graph for commands that look at conversations and ask no model.
pub(crate) fn reading_chatbot(
    settings: &Settings,
    store: &Arc<dyn Store>,
) -> Result<Chatbot, Failure> {
    let config = model_config(settings);
    let model = open_model(&settings.model(None), &config)
        .or_else(|_| open_model("scripted:echo", &config))?;
    let bot = Chatbot::new(Arc::clone(store), model, settings.context_policy())?;
    Ok(bot)
}
