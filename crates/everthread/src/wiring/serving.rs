//! The server: store, models and graphs put together.

use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use everthread::SqliteFiles;
use everthread_chat::{CHAT, Chatbot, ContextPolicy, GRAPH, Models};
use everthread_model::{ChatModel, ModelConfig, ModelError, ModelErrorKind, ModelObserver};
use everthread_server::identity::{JwtSettings, Keys};
use everthread_server::{
    Backups, Embedder, LimitSettings, Metered, Metrics, Offer, Probe, Reopen, Schedule, Server,
    Settings as ServerSettings,
};
use everthread_store::Store;

use super::Storage;
use super::backup::backup_dir;
use super::disk::DiskProbe;
use super::meaning::Meaning;
use super::models::ModelWatch;
use crate::failure::{Exit, Failure};
use crate::settings::Settings;

const HOUR: Duration = Duration::from_secs(60 * 60);

/// A server that is ready to listen, and the store that is to be closed after it.
pub(crate) struct Serving {
    pub(crate) server: Server,
    pub(crate) store: Arc<dyn Store>,
}

/// What a server is put together from, and stays when its storage is replaced: models keep their weights in memory, and
/// counters go on.
struct Deployment {
    storage: Storage,
    says_messages: bool,
    policy: ContextPolicy,
    settings: ServerSettings,
    limits: LimitSettings,
    tokens: Option<JwtSettings>,
    metrics: Metrics,
    watch: Arc<ModelWatch>,
    models: Models,
    meaning: Option<Arc<Meaning>>,
    offer: Offer,
}

/// Puts the server together: the built-in graphs over the storage and the model.
///
/// # Errors
/// When the storage cannot be opened or the model is none.
pub(crate) async fn open(
    settings: &Settings,
    spec: &str,
    config: ModelConfig,
) -> Result<Serving, Failure> {
    let opened = super::open_store(settings).await?;
    let deployment = Arc::new(Deployment::new(settings, spec, config)?);
    let serving = deployment.over(opened)?;
    let backups = backups(settings, deployment);
    Ok(Serving {
        server: serving.server.backups(backups),
        ..serving
    })
}

impl Deployment {
    fn new(settings: &Settings, spec: &str, mut config: ModelConfig) -> Result<Self, Failure> {
        let metrics = Metrics::new();
        let watch = ModelWatch::new(metrics.clone(), spec.parse()?, config.clone());
        config.fallback.observer = Some(Arc::clone(&watch) as Arc<dyn ModelObserver>);
        let model = super::open_model(spec, &config)?;
        let meaning = Meaning::found(config.local.models_dir.clone()).map(Arc::new);
        let offer = offer(&*model, settings.offered_models(), &config);
        let others = offering(settings.offered_models().to_vec(), config);
        Ok(Self {
            storage: Storage::named(&settings.storage())?,
            says_messages: settings.log().messages,
            policy: settings.context_policy(),
            settings: settings.server(),
            limits: settings.limits(),
            tokens: settings.tokens(),
            metrics,
            watch,
            models: Models::new(model).opening(others),
            meaning,
            offer,
        })
    }

    /// The server over an open storage.
    fn over(&self, opened: Arc<dyn Store>) -> Result<Serving, Failure> {
        let store = Metered::new(opened, self.metrics.clone()).log_messages(self.says_messages);
        let store: Arc<dyn Store> = Arc::new(store);
        let bot = Chatbot::new(Arc::clone(&store), self.models.clone(), self.policy.clone())?;
        let mut server = Server::new(Arc::clone(&store))
            .settings(self.settings.clone())
            .limits(self.limits)
            .metrics(self.metrics.clone())
            .offer(self.offer.clone())
            .probe(Arc::clone(&self.watch) as Arc<dyn Probe>);
        for graph in bot.graphs()? {
            server = server.graph(graph);
        }
        if let Some(meaning) = &self.meaning {
            server = server.embedder(Arc::clone(meaning) as Arc<dyn Embedder>);
        }
        if let Some(jwt) = self.tokens.clone() {
            server = server.tokens(jwt);
        }
        if let Some(file) = self.storage.file() {
            server = server.probe(Arc::new(DiskProbe::of(file)));
        }
        Ok(Serving { server, store })
    }
}

#[async_trait]
impl Reopen for Deployment {
    async fn reopen(&self) -> Result<Server, Box<dyn Error + Send + Sync>> {
        let opened = self.storage.clone().open().await?;
        match self.over(Arc::clone(&opened)) {
            Ok(serving) => Ok(serving.server),
            Err(failure) => {
                opened.close().await?;
                Err(failure.into())
            }
        }
    }
}

/// The backups of a server: a whole one may take the place of a storage that is a file.
fn backups(settings: &Settings, deployment: Arc<Deployment>) -> Backups {
    let dir = backup_dir(settings, None);
    let mut backups = Backups::new(dir, Arc::new(SqliteFiles)).keep(settings.backup_rules());
    if let Some((every_h, verify)) = settings.backup_schedule() {
        backups = backups.schedule(Schedule {
            every: HOUR * every_h,
            verify,
        });
    }
    match deployment.storage.file().map(Path::to_owned) {
        Some(file) => backups.replacing(file, deployment),
        None => backups,
    }
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
