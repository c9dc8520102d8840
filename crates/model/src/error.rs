//! The one error of this crate: what kept a model from answering, and what to do about it.

use std::error::Error;
use std::fmt;
use std::time::Duration;

type Source = Box<dyn Error + Send + Sync>;

/// What kept a model from answering.
#[derive(Debug)]
pub struct ModelError {
    kind: ModelErrorKind,
    model: String,
    detail: String,
    retry_after: Option<Duration>,
    source: Option<Source>,
}

/// The kinds of failure that callers tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ModelErrorKind {
    /// The model's server cannot be reached or is failing, or the model is out of resources.
    Unavailable,
    /// The model did not connect, begin or go on in time.
    Timeout,
    /// The model's server asks for fewer requests.
    RateLimited,
    /// The key is missing or was refused.
    Unauthorized,
    /// The messages do not fit into the model's window.
    ContextTooLong {
        /// Tokens that the messages take, where known, otherwise 0.
        needed: usize,
        /// Tokens that fit.
        window: usize,
    },
    /// The request, or the specification of the model, is wrong.
    InvalidRequest,
    /// There is no such model.
    UnknownModel,
    /// The model's weights are not on this machine.
    NotInstalled,
    /// Someone stopped the work.
    Cancelled,
    /// Weights are damaged.
    Corrupt,
    /// The model's server answered with what is no reply, or with an empty one.
    BadReply,
    /// The reply broke off after a part of it had been heard.
    Interrupted,
    /// The models folder cannot be read or written, or its disk is full.
    Storage,
}

impl ModelErrorKind {
    /// The kind's name, for counters and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::RateLimited => "rate_limited",
            Self::Unauthorized => "unauthorized",
            Self::ContextTooLong { .. } => "context_too_long",
            Self::InvalidRequest => "invalid_request",
            Self::UnknownModel => "unknown_model",
            Self::NotInstalled => "not_installed",
            Self::Cancelled => "cancelled",
            Self::Corrupt => "corrupt",
            Self::BadReply => "bad_reply",
            Self::Interrupted => "interrupted",
            Self::Storage => "storage",
        }
    }

    fn what(self) -> &'static str {
        match self {
            Self::Unavailable => "is not available",
            Self::Timeout => "did not answer in time",
            Self::RateLimited => "asks for fewer requests",
            Self::Unauthorized => "refused the key",
            Self::ContextTooLong { .. } => "cannot take so long a conversation",
            Self::InvalidRequest => "cannot take this request",
            Self::UnknownModel => "is not known",
            Self::NotInstalled => "is not installed",
            Self::Cancelled => "was stopped",
            Self::Corrupt => "is damaged",
            Self::BadReply => "gave no reply",
            Self::Interrupted => "broke off in the middle of its reply",
            Self::Storage => "cannot use its folder",
        }
    }

    fn advice(self) -> &'static str {
        match self {
            Self::Unavailable => "try again, or choose another model",
            Self::Timeout => "try again, or allow it more time",
            Self::RateLimited => "wait a little",
            Self::Unauthorized => "set OPENAI_API_KEY to a valid key",
            Self::ContextTooLong { .. } => "shorten or summarise the conversation",
            Self::InvalidRequest => "correct it; trying again will not help",
            Self::UnknownModel => "see `everthread models list`",
            Self::Cancelled => "ask again",
            Self::NotInstalled => "get its weights with `everthread models pull`",
            Self::Corrupt => "get its weights again with `everthread models pull`",
            Self::BadReply => {
                "check that OPENAI_BASE_URL names a server that speaks OpenAI's protocol"
            }
            Self::Interrupted => "ask again",
            Self::Storage => "free space, or correct the folder's permissions",
        }
    }
}

impl ModelError {
    /// A failure of `model` (its name, as in [`ChatModel::name`](crate::ChatModel::name)).
    pub fn new(kind: ModelErrorKind, model: impl Into<String>) -> Self {
        Self {
            kind,
            model: model.into(),
            detail: String::new(),
            retry_after: None,
            source: None,
        }
    }

    /// The same, with what exactly happened: a lower-case fragment.
    #[must_use]
    pub fn detail(self, detail: impl Into<String>) -> Self {
        Self {
            detail: detail.into(),
            ..self
        }
    }

    /// The same, with the time after which the model's server wants to be asked again.
    #[must_use]
    pub fn after(self, retry_after: Option<Duration>) -> Self {
        Self {
            retry_after,
            ..self
        }
    }

    /// The same, caused by another error.
    #[must_use]
    pub fn caused_by(self, source: impl Into<Source>) -> Self {
        Self {
            source: Some(source.into()),
            ..self
        }
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> ModelErrorKind {
        self.kind
    }

    /// What exactly happened, a lower-case fragment; may be empty.
    pub fn what(&self) -> &str {
        &self.detail
    }

    /// The name of the model that failed.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// The name by which weights of the built-in list are pulled; a model in a file of the user's has none.
    fn local_name(&self) -> Option<&str> {
        let name = self.model.strip_prefix("local:")?;
        (!name.ends_with(".gguf")).then_some(name)
    }

    /// What went wrong without the model's name and without advice, for a sentence about it.
    pub(crate) fn reason(&self) -> String {
        let what = self.kind.what();
        if self.detail.is_empty() {
            return what.to_owned();
        }
        format!("{what}: {}", self.detail)
    }

    /// How long the model's server asked to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Whether the same request may succeed later. [`Interrupted`](ModelErrorKind::Interrupted) may, but a part
    /// of a reply was heard already: only someone who can take that back should ask again.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.kind,
            ModelErrorKind::Unavailable
                | ModelErrorKind::Timeout
                | ModelErrorKind::RateLimited
                | ModelErrorKind::Interrupted
        )
    }
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "model `{}` {}", self.model, self.kind.what())?;
        if let ModelErrorKind::ContextTooLong { needed, window } = self.kind
            && needed > 0
        {
            write!(f, " ({needed} tokens, {window} fit)")?;
        }
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        if let Some(after) = self.retry_after {
            return write!(f, "; try again in {} s", after.as_secs_f32().ceil());
        }
        match (self.kind, self.local_name()) {
            (ModelErrorKind::NotInstalled, Some(name)) => {
                write!(f, "; run `everthread models pull {name}`")
            }
            (ModelErrorKind::Corrupt, Some(name)) => {
                write!(f, "; run `everthread models pull {name}` again")
            }
            (ModelErrorKind::UnknownModel, None) if self.model.starts_with("openai:") => {
                f.write_str("; choose one that the server at OPENAI_BASE_URL has")
            }
            (kind, _) => write!(f, "; {}", kind.advice()),
        }
    }
}

impl Error for ModelError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_happened_and_what_to_do() {
        let error = ModelError::new(ModelErrorKind::NotInstalled, "local:smollm2-135m");
        assert_eq!(
            error.to_string(),
            "model `local:smollm2-135m` is not installed; run `everthread models pull smollm2-135m`"
        );
        let error = ModelError::new(ModelErrorKind::RateLimited, "openai:m")
            .detail("HTTP 429")
            .after(Some(Duration::from_millis(1500)));
        assert_eq!(
            error.to_string(),
            "model `openai:m` asks for fewer requests: HTTP 429; try again in 2 s"
        );
        assert!(error.is_retryable());
        let error = ModelError::new(ModelErrorKind::UnknownModel, "openai:m").detail("HTTP 404");
        assert_eq!(
            error.to_string(),
            "model `openai:m` is not known: HTTP 404; choose one that the server at OPENAI_BASE_URL has"
        );
    }
}
