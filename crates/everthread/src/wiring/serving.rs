//! The server: store, models and graphs put together.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use everthread_chat::{CHAT, Chatbot, GRAPH, Models};
use everthread_model::{ChatModel, ModelConfig, ModelError, ModelErrorKind, ModelObserver};
use everthread_server::identity::Keys;
use everthread_server::{Metered, Metrics, Offer, Server};
use everthread_sqlite::{Location, SqliteOptions};
use everthread_store::Store;

use super::Storage;
use super::disk::DiskProbe;
use super::meaning::Meaning;
use super::models::ModelWatch;
use crate::failure::{Exit, Failure};
use crate::settings::Settings;

/// A server that is ready to listen, and the store that is to be closed after it.
pub(crate) struct Serving {
    pub(crate) server: Server,
    pub(crate) store: Arc<dyn Store>,
}

/// Puts the server together: the built-in graphs over the storage and the model.
///
/// # Errors
/// When the storage cannot be opened or the model is none.
pub(crate) async fn open(
    settings: &Settings,
    spec: &str,
    mut config: ModelConfig,
) -> Result<Serving, Failure> {
    let metrics = Metrics::new();
    let opened = super::open_store(settings).await?;
    let store = Metered::new(opened, metrics.clone()).log_messages(settings.log().messages);
    let store: Arc<dyn Store> = Arc::new(store);
    let watch = ModelWatch::new(metrics.clone(), spec.parse()?, config.clone());
    config.fallback.observer = Some(Arc::clone(&watch) as Arc<dyn ModelObserver>);
    let model = super::open_model(spec, &config)?;
    let meaning = Meaning::found(config.local.models_dir.clone());
    let offer = offer(&*model, settings.offered_models(), &config);
    let models = Models::new(model).opening(offering(settings.offered_models().to_vec(), config));
    let bot = Chatbot::new(Arc::clone(&store), models, settings.context_policy())?;
    let mut server = Server::new(Arc::clone(&store))
        .settings(settings.server())
        .limits(settings.limits())
        .metrics(metrics)
        .offer(offer)
        .probe(watch);
    for graph in bot.graphs()? {
        server = server.graph(graph);
    }
    if let Some(meaning) = meaning {
        server = server.embedder(Arc::new(meaning));
    }
    if let Some(jwt) = settings.tokens() {
        server = server.tokens(jwt);
    }
    if let Some(file) = file_of(settings) {
        server = server.probe(Arc::new(DiskProbe::of(&file)));
    }
    Ok(Serving { server, store })
}

/// What clients of OpenAI's protocol are offered: the chat graph, with the model that is served and those beside it.
/// One that cannot be opened is listed all the same, and says why when it is asked.
fn offer(served: &dyn ChatModel, others: &[String], config: &ModelConfig) -> Offer {
    let first = Offer::new(GRAPH)
        .reply_of(CHAT)
        .model(served.name(), served.has_tools());
    let others = others.iter().filter(|name| *name != served.name());
    others.fold(first, |offer, name| {
        let opened = name
            .parse()
            .and_then(|spec| everthread_model::open(&spec, config));
        offer.model(name, opened.is_ok_and(|model| model.has_tools()))
    })
}

/// Opens the models that this deployment offers, and no others.
fn offering(
    offered: Vec<String>,
    config: ModelConfig,
) -> impl Fn(&str) -> Result<Arc<dyn everthread_model::ChatModel>, ModelError> {
    move |name| {
        if !offered.iter().any(|known| known == name) {
            let error = ModelError::new(ModelErrorKind::UnknownModel, name);
            return Err(error.detail("this server does not offer it (models.offered)"));
        }
        everthread_model::open(&name.parse()?, &config)
    }
}

fn file_of(settings: &Settings) -> Option<PathBuf> {
    match Storage::named(&settings.storage()).ok()? {
        Storage::Sqlite(SqliteOptions {
            location: Location::File(path),
            ..
        }) => Some(path),
        _ => None,
    }
}

/// Refuses to listen beyond loopback where nothing tells callers apart.
///
/// # Errors
/// `Usage`, with what to do.
pub(crate) async fn check_exposure(
    settings: &Settings,
    store: &Arc<dyn Store>,
    address: SocketAddr,
) -> Result<(), Failure> {
    if address.ip().is_loopback() || settings.tokens().is_some() {
        return Ok(());
    }
    if Keys::new(Arc::clone(store)).any().await? {
        return Ok(());
    }
    let exposed = everthread_server::identity::Exposed(address.ip());
    Err(Failure::new(Exit::Usage, exposed.to_string()))
}
