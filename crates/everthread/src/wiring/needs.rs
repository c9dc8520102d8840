//! What the models of a chain need before they can answer: weights, or a key.

use std::fmt;

use everthread_model::weights::{self, Weights};
use everthread_model::{ModelChoice, ModelConfig, ModelSpec};

use crate::output::bytes;

/// What a model lacks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Lack {
    /// Its weights are not in the models folder. They may come while a server runs.
    Weights(&'static Weights),
    /// OpenAI's own server wants a key. A process that has begun gets none.
    Key,
}

/// One model of a chain.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Member {
    /// As a specification spells it.
    pub(crate) model: String,
    /// What it lacks; `None` when it can answer as far as can be told without asking it.
    pub(crate) lack: Option<Lack>,
}

/// The models of a chain, in their order, as they stand now.
pub(crate) fn members(spec: &ModelSpec, config: &ModelConfig) -> Vec<Member> {
    let member = |choice: &ModelChoice| Member {
        model: choice.to_string(),
        lack: lack(choice, config),
    };
    spec.choices().iter().map(member).collect()
}

fn lack(choice: &ModelChoice, config: &ModelConfig) -> Option<Lack> {
    match choice {
        // A name that is not in the list is a file, or is refused with the list when the model is opened.
        ModelChoice::Local(name) => weights::find(name)
            .filter(|weights| !weights.is_installed(&config.local.models_dir))
            .map(Lack::Weights),
        ModelChoice::OpenAi(_) => {
            let openai = &config.openai;
            let is_official = openai.base_url.contains("api.openai.com");
            (openai.api_key.is_none() && is_official).then_some(Lack::Key)
        }
        _ => None,
    }
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Weights(weights) => write!(
                f,
                "the model {} is not here yet ({}); run `everthread models pull {}`",
                weights.title,
                bytes(weights.size_bytes()),
                weights.name
            ),
            Self::Key => f.write_str("OPENAI_API_KEY is not set"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lacking(spec: &str, config: &ModelConfig) -> Vec<(String, bool)> {
        members(&spec.parse().unwrap(), config)
            .into_iter()
            .map(|member| (member.model, member.lack.is_some()))
            .collect()
    }

    #[test]
    fn each_model_of_a_chain_is_looked_at() {
        let empty = tempfile::tempdir().unwrap();
        let mut config = ModelConfig::default();
        config.local.models_dir = empty.path().to_owned();
        let named = |list: &[(&str, bool)]| -> Vec<(String, bool)> {
            list.iter()
                .map(|(name, lacks)| ((*name).to_owned(), *lacks))
                .collect()
        };
        assert_eq!(
            lacking("local, openai, scripted:echo", &config),
            named(&[
                ("local:qwen2.5-coder-0.5b", true),
                ("openai:gpt-4o-mini", true),
                ("scripted:echo", false)
            ])
        );
        config.openai.api_key = Some("key".to_owned());
        assert_eq!(
            lacking("openai", &config),
            named(&[("openai:gpt-4o-mini", false)])
        );
        config.openai.api_key = None;
        config.openai.base_url = "http://127.0.0.1:1/v1".to_owned();
        assert_eq!(
            lacking("openai", &config),
            named(&[("openai:gpt-4o-mini", false)])
        );
    }
}
