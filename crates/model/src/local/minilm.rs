//! Vectors of texts inside the process: all-MiniLM-L6-v2, on the same kernels as the chat model.

mod engine;
mod layer;
mod linear;
mod network;
mod norm;
mod pieces;

use std::fmt;
use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{OnceCell, Semaphore};
use tokio::task;

use super::failed_load;
use crate::{Embedder, LocalConfig, ModelError, ModelErrorKind, weights};
use engine::Engine;

/// The model's name.
const NAME: &str = "local:minilm";

/// Its name in the list of weights.
const LISTED: &str = "minilm";

/// Texts that are worked on without a break: between such batches others have their turn, and the work ends if nobody
/// waits for it any more.
const BATCH_TEXTS: usize = 16;

/// Calls that may wait for their turn.
const MAX_WAITING: usize = 1024;

/// The sentence encoder [all-MiniLM-L6-v2] inside the process: vectors of 384 numbers, made for English.
///
/// It reads the first 254 tokens of a text, some 200 English words; what follows does not count. The weights are loaded
/// by the first call (or [`warm`](Embedder::warm)); `everthread models pull minilm` gets them. The work is done on
/// threads of its own, for one call at a time, and calls with many texts let others have their turn in between.
///
/// ```no_run
/// use everthread_model::{Embedder, LocalConfig, MiniLm, weights};
///
/// # async fn run() -> Result<(), everthread_model::ModelError> {
/// let embedder = MiniLm::new(LocalConfig {
///     models_dir: weights::default_dir(),
///     ..LocalConfig::default()
/// });
/// let texts = ["Her dog is ill.".to_owned(), "The vet saw the puppy.".to_owned()];
/// let vectors = embedder.embed(&texts).await?;
/// let cosine: f32 = vectors[0].iter().zip(&vectors[1]).map(|(a, b)| a * b).sum();
/// println!("{cosine}");
/// # Ok(())
/// # }
/// ```
///
/// [all-MiniLM-L6-v2]: https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2
pub struct MiniLm {
    config: LocalConfig,
    engine: OnceCell<Arc<Engine>>,
    waiting: Semaphore,
    turn: Arc<Semaphore>,
}

impl MiniLm {
    /// The model, not loaded yet. Of the settings, `models_dir` and `threads` matter here.
    ///
    /// That the weights are missing is only said when the model is first used.
    pub fn new(config: LocalConfig) -> Self {
        Self {
            config,
            engine: OnceCell::new(),
            waiting: Semaphore::new(MAX_WAITING),
            turn: Arc::new(Semaphore::new(1)),
        }
    }

    /// The loaded model. A load that failed is tried again by the next call.
    async fn engine(&self) -> Result<&Arc<Engine>, ModelError> {
        self.engine
            .get_or_try_init(|| async {
                let dir = &self.config.models_dir;
                let numbers = dir.join(weights::MINILM_NUMBERS);
                let vocabulary = dir.join(weights::MINILM_VOCABULARY);
                let threads = self.config.threads;
                let (place, listed) = (dir.clone(), weights::find(LISTED));
                let load = move || {
                    listed.map_or(Ok(()), |weights| weights.verify(&place))?;
                    Engine::load(&numbers, &vocabulary, threads)
                };
                let engine = task::spawn_blocking(load).await.map_err(|_| failed())?;
                let engine = engine.map_err(|error| failed_load(NAME, dir, error))?;
                Ok(Arc::new(engine))
            })
            .await
    }

    /// The vectors of a few texts, when it is their turn.
    async fn batch(
        &self,
        engine: &Arc<Engine>,
        texts: &[String],
    ) -> Result<Vec<Vec<f32>>, ModelError> {
        let turn = Arc::clone(&self.turn).acquire_owned().await;
        let turn = turn.map_err(|_| failed())?;
        let engine = Arc::clone(engine);
        let texts: Vec<String> = texts
            .iter()
            .map(|text| pieces::beginning(text).to_owned())
            .collect();
        let work = move || {
            let vectors = engine.vectors(&texts);
            // Not before the work is done, also if nobody waits for it.
            drop(turn);
            vectors
        };
        let vectors = task::spawn_blocking(work).await.map_err(|_| failed())?;
        vectors.map_err(unreadable)
    }
}

#[async_trait]
impl Embedder for MiniLm {
    fn name(&self) -> &str {
        NAME
    }

    fn dimensions(&self) -> usize {
        network::WIDTH
    }

    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, ModelError> {
        let _place = self.waiting.try_acquire().map_err(|_| {
            let error = ModelError::new(ModelErrorKind::Unavailable, NAME);
            error.detail("too many requests are waiting")
        })?;
        let engine = self.engine().await?;
        let mut vectors = Vec::with_capacity(texts.len());
        for texts in texts.chunks(BATCH_TEXTS) {
            vectors.extend(self.batch(engine, texts).await?);
        }
        Ok(vectors)
    }

    async fn warm(&self) -> Result<(), ModelError> {
        self.engine().await.map(|_| ())
    }
}

impl fmt::Debug for MiniLm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MiniLm")
            .field("models_dir", &self.config.models_dir)
            .field("loaded", &self.engine.initialized())
            .finish_non_exhaustive()
    }
}

/// The work ended with a panic, which would be our mistake; the next call begins anew.
fn failed() -> ModelError {
    let error = ModelError::new(ModelErrorKind::Unavailable, NAME);
    error.detail("it failed in an unforeseen way")
}

fn unreadable(error: io::Error) -> ModelError {
    ModelError::new(ModelErrorKind::Storage, NAME)
        .detail("its weights cannot be read")
        .caused_by(error)
}
