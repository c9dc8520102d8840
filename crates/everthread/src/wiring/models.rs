//! How models do, for counters and health.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use everthread_model::{ModelConfig, ModelError, ModelObserver, ModelSpec};
use everthread_server::{Component, Metrics, Probe, Standing};

use super::needs::{Lack, members};

/// Hears how models do, and tells it; looks whether they have what they need.
#[derive(Debug)]
pub(crate) struct ModelWatch {
    metrics: Metrics,
    spec: ModelSpec,
    config: ModelConfig,
    models: Mutex<BTreeMap<String, Model>>,
}

#[derive(Debug, Default, Clone)]
struct Model {
    calls: u64,
    failures: u64,
    is_resting: bool,
    last_failure: Option<&'static str>,
}

impl ModelWatch {
    /// Begins with these models, before the first of them is asked.
    pub(crate) fn new(metrics: Metrics, spec: ModelSpec, config: ModelConfig) -> Arc<Self> {
        let models = spec.choices().iter().map(|choice| {
            let name = choice.to_string();
            metrics.model_resting(&name, false);
            (name, Model::default())
        });
        Arc::new(Self {
            models: Mutex::new(models.collect()),
            metrics,
            spec,
            config,
        })
    }

    /// What models of the chain lack, by their names, and whether another of them can answer.
    fn lacking(&self) -> (Vec<(String, Lack)>, bool) {
        let chain = members(&self.spec, &self.config);
        let can_answer = chain.iter().any(|member| member.lack.is_none());
        let lacking = chain.into_iter();
        let lacking = lacking.filter_map(|member| Some((member.model, member.lack?)));
        (lacking.collect(), can_answer)
    }

    fn models(&self) -> MutexGuard<'_, BTreeMap<String, Model>> {
        self.models.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ModelObserver for ModelWatch {
    fn attempt(&self, model: &str, failure: Option<&ModelError>, took: Duration) {
        let outcome = failure.map_or("ok", |error| error.kind().as_str());
        self.metrics.model_call(model, outcome, took);
        let mut models = self.models();
        let known = models.entry(model.to_owned()).or_default();
        known.calls += 1;
        match failure {
            Some(_) => {
                known.failures += 1;
                known.last_failure = Some(outcome);
            }
            None => known.last_failure = None,
        }
    }

    fn resting(&self, model: &str, is_resting: bool) {
        self.metrics.model_resting(model, is_resting);
        self.models()
            .entry(model.to_owned())
            .or_default()
            .is_resting = is_resting;
        if is_resting {
            tracing::warn!(
                operation = "model",
                model,
                outcome = "resting",
                "model left alone"
            );
        }
    }
}

#[async_trait]
impl Probe for ModelWatch {
    async fn look(&self) -> Component {
        let models = self.models().clone();
        let ailing: Vec<&str> = models
            .iter()
            .filter(|(_, model)| model.is_resting || model.last_failure.is_some())
            .map(|(name, _)| name.as_str())
            .collect();
        let (lacking, _) = self.lacking();
        let mut hints: Vec<String> = lacking
            .iter()
            .map(|(model, lack)| format!("{model} cannot answer yet: {lack}"))
            .collect();
        if !ailing.is_empty() {
            hints.push(format!("the last call failed: {}", ailing.join(", ")));
        }
        // Without a model nobody gets a reply, but everything that was said can still be read.
        let mut component = if hints.is_empty() {
            Component::new("models", Standing::Ok)
        } else {
            Component::new("models", Standing::Degraded).hint(hints.join("; "))
        };
        for (name, model) in &models {
            let facts = serde_json::json!({
                "calls": model.calls,
                "failures": model.failures,
                "resting": model.is_resting,
                "last_failure": model.last_failure,
                "lacks_something": lacking.iter().any(|(lacking, _)| lacking == name),
            });
            component = component.fact(name, facts);
        }
        component
    }

    async fn ready(&self) -> Result<(), String> {
        match self.lacking() {
            (_, true) => Ok(()),
            (lacking, false) => {
                let lacks = lacking.iter().map(|(_, lack)| lack.to_string());
                let lacks = lacks.collect::<Vec<_>>().join("; ");
                Err(format!("no model can answer yet: {lacks}"))
            }
        }
    }
}
