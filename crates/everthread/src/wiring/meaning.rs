//! Memories found by their meaning: the model inside the process, and the vectors that it made lately.

use std::error::Error;
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use everthread_model::{Embedder, LocalConfig, MiniLm, weights};
use lru::LruCache;

/// The weights that are looked for.
const WEIGHTS: &str = "minilm";
/// Vectors that are remembered: some 15 MB.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(10_000).expect("not zero");

/// Makes vectors of texts, each text once as long as it is remembered: a search compares a query with every memory of
/// a user, and few of them are new.
#[derive(Debug)]
pub(crate) struct Meaning {
    model: Box<dyn Embedder>,
    known: Mutex<LruCache<Name, Vec<f32>>>,
    names: [RandomState; 2],
}

/// Stands for a text, which may be a megabyte: 128 bits of hash.
type Name = [u64; 2];

impl Meaning {
    /// The model in this folder; `None` when its weights are not there.
    pub(crate) fn found(models_dir: PathBuf) -> Option<Self> {
        let weights = weights::find(WEIGHTS)?;
        weights.is_installed(&models_dir).then(|| {
            Self::of(Box::new(MiniLm::new(LocalConfig {
                models_dir,
                ..LocalConfig::default()
            })))
        })
    }

    fn of(model: Box<dyn Embedder>) -> Self {
        Self {
            model,
            known: Mutex::new(LruCache::new(REMEMBERED)),
            names: [RandomState::new(), RandomState::new()],
        }
    }

    fn name(&self, text: &str) -> Name {
        [0, 1].map(|i| self.names[i].hash_one(text))
    }

    fn known(&self) -> MutexGuard<'_, LruCache<Name, Vec<f32>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl everthread_server::Embedder for Meaning {
    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, Box<dyn Error + Send + Sync>> {
        let mut vectors: Vec<Option<Vec<f32>>> = {
            let mut known = self.known();
            let names = texts.iter().map(|text| self.name(text));
            names.map(|name| known.get(&name).cloned()).collect()
        };
        let missing: Vec<usize> = (0..texts.len())
            .filter(|at| vectors[*at].is_none())
            .collect();
        let asked: Vec<String> = missing.iter().map(|at| texts[*at].clone()).collect();
        let made = self.model.embed(&asked).await?;
        let mut known = self.known();
        for (at, vector) in missing.into_iter().zip(made) {
            known.put(self.name(&texts[at]), vector.clone());
            vectors[at] = Some(vector);
        }
        Ok(vectors.into_iter().flatten().collect())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use everthread_model::ModelError;
    use everthread_server::Embedder as _;

    use super::*;

    /// Makes a vector of a text's length, and counts.
    #[derive(Debug)]
    struct Lengths(Arc<Mutex<Vec<String>>>);

    #[async_trait]
    impl Embedder for Lengths {
        fn name(&self) -> &'static str {
            "lengths"
        }

        fn dimensions(&self) -> usize {
            1
        }

        #[expect(clippy::cast_precision_loss, reason = "short texts")]
        async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, ModelError> {
            self.0.lock().unwrap().extend_from_slice(texts);
            Ok(texts.iter().map(|text| vec![text.len() as f32]).collect())
        }
    }

    #[tokio::test]
    async fn a_text_is_read_once() {
        let read = Arc::new(Mutex::new(Vec::new()));
        let meaning = Meaning::of(Box::new(Lengths(Arc::clone(&read))));
        let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        let first = meaning.embed(&texts(&["a", "bb"])).await.unwrap();
        let second = meaning.embed(&texts(&["ccc", "a", "bb"])).await.unwrap();
        assert_eq!(first, [[1.0], [2.0]]);
        assert_eq!(second, [[3.0], [1.0], [2.0]]);
        assert_eq!(*read.lock().unwrap(), texts(&["a", "bb", "ccc"]));
    }
}
