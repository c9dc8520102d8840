//! Who hears how models do: for counters and health.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;

use crate::{ChatModel, ChatRequest, Message, ModelError, Reply, TokenSink};

/// Hears of every attempt with a model. To return at once.
pub trait ModelObserver: Send + Sync + Debug {
    /// A model answered, or failed with this error, after this time.
    fn attempt(&self, model: &str, failure: Option<&ModelError>, took: Duration);

    /// A model is left alone for now, because it failed too often; or it is asked again and answered.
    fn resting(&self, model: &str, is_resting: bool);
}

/// A model that stands alone, and whoever hears how it does.
#[derive(Debug)]
pub(crate) struct Observed {
    model: Arc<dyn ChatModel>,
    observer: Arc<dyn ModelObserver>,
}

impl Observed {
    pub(crate) fn new(model: Arc<dyn ChatModel>, observer: Arc<dyn ModelObserver>) -> Self {
        Self { model, observer }
    }
}

#[async_trait]
impl ChatModel for Observed {
    fn name(&self) -> &str {
        self.model.name()
    }

    fn window_tokens(&self) -> usize {
        self.model.window_tokens()
    }

    fn count_tokens(&self, messages: &[Arc<Message>]) -> usize {
        self.model.count_tokens(messages)
    }

    fn has_tools(&self) -> bool {
        self.model.has_tools()
    }

    async fn generate(
        &self,
        request: ChatRequest,
        sink: &mut dyn TokenSink,
    ) -> Result<Reply, ModelError> {
        let began = Instant::now();
        let reply = self.model.generate(request, sink).await;
        let failure = reply.as_ref().err();
        self.observer.attempt(self.name(), failure, began.elapsed());
        reply
    }

    async fn warm(&self) -> Result<(), ModelError> {
        self.model.warm().await
    }
}
