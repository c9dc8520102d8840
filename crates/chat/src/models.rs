//! The models of a chatbot: the one that it speaks with, and others that a run may ask for by name.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use everthread_model::{ChatModel, ModelError, ModelErrorKind};

/// Models that are kept open beside the first. Those beyond are opened for each run.
const MAX_OPEN: usize = 16;

type Open = dyn Fn(&str) -> Result<Arc<dyn ChatModel>, ModelError> + Send + Sync;

/// The models of a chatbot. Any single model is one: it is then the only one.
#[derive(Clone)]
pub struct Models {
    first: Arc<dyn ChatModel>,
    open: Option<Arc<Open>>,
    opened: Arc<Mutex<HashMap<String, Arc<dyn ChatModel>>>>,
}

impl Models {
    /// This model only.
    #[must_use]
    pub fn new(first: Arc<dyn ChatModel>) -> Self {
        Self {
            first,
            open: None,
            opened: Arc::default(),
        }
    }

    /// Opens others by name when a run asks for them. Whoever may begin a run may ask for any name: `open` refuses
    /// what this deployment does not offer.
    #[must_use]
    pub fn opening(
        mut self,
        open: impl Fn(&str) -> Result<Arc<dyn ChatModel>, ModelError> + Send + Sync + 'static,
    ) -> Self {
        self.open = Some(Arc::new(open));
        self
    }

    /// The model that is spoken with when nothing else is said.
    #[must_use]
    pub fn first(&self) -> &Arc<dyn ChatModel> {
        &self.first
    }

    /// The model of this name.
    ///
    /// # Errors
    /// `UnknownModel` when there is only one and it has another name, and what opening it answers.
    pub fn named(&self, name: &str) -> Result<Arc<dyn ChatModel>, ModelError> {
        if name == self.first.name() {
            return Ok(self.first.clone());
        }
        let Some(open) = &self.open else {
            return Err(ModelError::new(ModelErrorKind::UnknownModel, name)
                .detail(format!("only {} is served here", self.first.name())));
        };
        if let Some(model) = self.opened().get(name) {
            return Ok(model.clone());
        }
        let model = open(name)?;
        // `local` and what it stands for are one model, whose weights are loaded once.
        let mut opened = self.opened();
        let others = opened.values().chain([&self.first]);
        let same = others.filter(|known| known.name() == model.name()).last();
        let model = same.cloned().unwrap_or(model);
        if opened.len() < MAX_OPEN {
            opened.insert(name.to_owned(), model.clone());
        }
        Ok(model)
    }

    fn opened(&self) -> MutexGuard<'_, HashMap<String, Arc<dyn ChatModel>>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<Arc<dyn ChatModel>> for Models {
    fn from(model: Arc<dyn ChatModel>) -> Self {
        Self::new(model)
    }
}

impl<M: ChatModel + 'static> From<Arc<M>> for Models {
    fn from(model: Arc<M>) -> Self {
        Self::new(model)
    }
}

impl fmt::Debug for Models {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Models")
            .field("first", &self.first)
            .field("opens_others", &self.open.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use everthread_model::scripted::Scripted;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn a_model_is_opened_once() {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = calls.clone();
        let models = Models::new(Arc::new(Scripted::echo())).opening(move |name| {
            counted.fetch_add(1, Ordering::Relaxed);
            match name {
                "custom" | "scripted:custom" => {
                    Ok(Arc::new(Scripted::answering(|_| Ok("yes".into()))))
                }
                _ => Err(ModelError::new(ModelErrorKind::UnknownModel, name)),
            }
        });
        for _ in 0..2 {
            assert_eq!(
                models.named("scripted:custom").expect("known").name(),
                "scripted:custom"
            );
            assert_eq!(
                models.named("scripted:echo").expect("the first").name(),
                "scripted:echo"
            );
        }
        assert_eq!(calls.load(Ordering::Relaxed), 1);
        let (long, short) = (models.named("scripted:custom"), models.named("custom"));
        assert!(Arc::ptr_eq(&long.expect("known"), &short.expect("known")));
        assert!(models.named("nobody").is_err());
    }

    #[test]
    fn a_single_model_is_the_only_one() {
        let models = Models::new(Arc::new(Scripted::echo()));
        let error = models.named("openai:gpt-4o").expect_err("not served");
        assert_eq!(error.kind(), ModelErrorKind::UnknownModel);
        assert!(error.to_string().contains("only scripted:echo"), "{error}");
    }
}
