//! How a model is named in settings and on the command line, and how it is opened.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::observer::Observed;
use crate::scripted::{Script, Scripted};
use crate::{ChatModel, Fallback, ModelConfig, ModelError, ModelErrorKind};

/// The model that `openai` alone means.
const OPENAI_DEFAULT: &str = "gpt-4o-mini";

/// The model that `local` alone means.
const LOCAL_DEFAULT: &str = "qwen2.5-coder-0.5b";

/// One model, or several of which each stands in for the one before.
///
/// ```
/// use everthread_model::{ModelChoice, ModelSpec};
///
/// let spec: ModelSpec = "openai, local:smollm2-135m".parse()?;
/// assert_eq!(spec.to_string(), "openai:gpt-4o-mini,local:smollm2-135m");
/// assert_eq!(spec.choices()[1], ModelChoice::Local("smollm2-135m".to_owned()));
/// # Ok::<(), everthread_model::ModelError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelSpec {
    choices: Vec<ModelChoice>,
}

/// One model.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ModelChoice {
    /// `openai:MODEL`, or `openai` for gpt-4o-mini.
    OpenAi(String),
    /// `local:NAME`, or `local` for the default of the built-in list; or `local:FILE.gguf`.
    Local(String),
    /// `scripted:SCRIPT`.
    Scripted(Script),
}

impl ModelSpec {
    /// The models, in the order in which they are asked.
    pub fn choices(&self) -> &[ModelChoice] {
        &self.choices
    }
}

impl From<ModelChoice> for ModelSpec {
    fn from(choice: ModelChoice) -> Self {
        Self {
            choices: vec![choice],
        }
    }
}

impl FromStr for ModelSpec {
    type Err = ModelError;

    fn from_str(text: &str) -> Result<Self, ModelError> {
        let choices = text.split(',').map(|part| parse_choice(part.trim()));
        Ok(Self {
            choices: choices.collect::<Result<_, _>>()?,
        })
    }
}

fn parse_choice(text: &str) -> Result<ModelChoice, ModelError> {
    let wrong =
        |detail: String| ModelError::new(ModelErrorKind::InvalidRequest, text).detail(detail);
    let (kind, name) = match text.split_once(':') {
        Some((kind, name)) => (kind.trim(), Some(name.trim())),
        None => (text, None),
    };
    if name.is_some_and(str::is_empty) {
        return Err(wrong(format!("a name must follow `{kind}:`")));
    }
    match (kind, name) {
        ("openai", name) => Ok(ModelChoice::OpenAi(
            name.unwrap_or(OPENAI_DEFAULT).to_owned(),
        )),
        ("local", name) => Ok(ModelChoice::Local(name.unwrap_or(LOCAL_DEFAULT).to_owned())),
        ("scripted", Some(name)) => name.parse().map(ModelChoice::Scripted).map_err(|()| {
            let scripts: Vec<&str> = Script::ALL.iter().map(|script| script.as_str()).collect();
            wrong(format!("the scripts are {}", scripts.join(", ")))
        }),
        _ => Err(wrong(
            "a model is `openai:MODEL`, `local`, `local:NAME` or `scripted:SCRIPT`".to_owned(),
        )),
    }
}

impl fmt::Display for ModelSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, choice) in self.choices.iter().enumerate() {
            if position > 0 {
                f.write_str(",")?;
            }
            choice.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for ModelChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OpenAi(model) => write!(f, "openai:{model}"),
            Self::Local(name) => write!(f, "local:{name}"),
            Self::Scripted(script) => write!(f, "scripted:{script}"),
        }
    }
}

/// Opens the model, or the chain of models, that `spec` names.
///
/// Opening is quick: weights are loaded and connections made by the first request, or by
/// [`warm`](ChatModel::warm). A real model is retried as a [`Fallback`] does it; a scripted model alone is not, so
/// that tests see what it does.
///
/// # Errors
///
/// [`UnknownModel`](ModelErrorKind::UnknownModel) for a local model that is not in the list,
/// [`InvalidRequest`](ModelErrorKind::InvalidRequest) for settings that cannot work.
pub fn open(spec: &ModelSpec, config: &ModelConfig) -> Result<Arc<dyn ChatModel>, ModelError> {
    if let [ModelChoice::Scripted(script)] = spec.choices[..] {
        let alone: Arc<dyn ChatModel> = Arc::new(Scripted::new(script));
        return Ok(match &config.fallback.observer {
            Some(observer) => Arc::new(Observed::new(alone, Arc::clone(observer))),
            None => alone,
        });
    }
    let models = spec.choices.iter().map(|choice| open_one(choice, config));
    let models: Vec<_> = models.collect::<Result<_, _>>()?;
    Ok(Arc::new(Fallback::new(models, config.fallback.clone())?))
}

fn open_one(choice: &ModelChoice, config: &ModelConfig) -> Result<Arc<dyn ChatModel>, ModelError> {
    match choice {
        #[cfg(feature = "openai")]
        ModelChoice::OpenAi(model) => Ok(Arc::new(crate::OpenAiModel::new(
            model,
            config.openai.clone(),
        )?)),
        #[cfg(feature = "local")]
        ModelChoice::Local(name) => Ok(Arc::new(crate::LocalModel::new(
            name,
            config.local.clone(),
        )?)),
        ModelChoice::Scripted(script) => Ok(Arc::new(Scripted::new(*script))),
        #[cfg(not(all(feature = "openai", feature = "local")))]
        other => {
            let _ = config;
            let error = ModelError::new(ModelErrorKind::UnknownModel, other.to_string());
            Err(error.detail("this program was built without models of its kind"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specifications_are_read() {
        for (text, canonical) in [
            ("openai", "openai:gpt-4o-mini"),
            ("openai:org/model:free", "openai:org/model:free"),
            ("local", "local:qwen2.5-coder-0.5b"),
            (
                " scripted:echo , local ",
                "scripted:echo,local:qwen2.5-coder-0.5b",
            ),
        ] {
            assert_eq!(text.parse::<ModelSpec>().unwrap().to_string(), canonical);
        }
    }

    #[test]
    fn what_is_no_specification_says_what_would_be() {
        for (text, why) in [
            ("", "a model is"),
            ("gpt-4o", "a model is"),
            ("local:", "a name must follow"),
            ("scripted", "a model is"),
            ("scripted:nonsense", "the scripts are echo, slow"),
            ("local,,openai", "a model is"),
        ] {
            let error = text.parse::<ModelSpec>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn opening_loads_nothing() {
        let config = ModelConfig::default();
        let chain = open(&"openai,local,scripted:echo".parse().unwrap(), &config).unwrap();
        assert_eq!(
            chain.name(),
            "openai:gpt-4o-mini,local:qwen2.5-coder-0.5b,scripted:echo"
        );
        let error = open(&"local:gpt-9".parse().unwrap(), &config).unwrap_err();
        assert_eq!(error.kind(), ModelErrorKind::UnknownModel);
    }
}
