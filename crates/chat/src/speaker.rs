//! Who speaks in a run: with which model, to whom, within which limits.

use std::sync::Arc;

use everthread_graph::contract::{Json, ThreadId, ThreadKey, UserId};
use everthread_graph::{Context as Node, NodeError};
use everthread_model::{ChatModel, ChatRequest, Message, ModelError, Reply, Role, Silent, fit};
use everthread_store::{Store, StoreError, ThreadPatch, UserPatch};
use serde_json::{Value, json};

use crate::state::overdue;
use crate::{Context, ContextPolicy, Models, Profile, RunContext, Summary, UserProfile, title_of};

/// What the nodes work with.
#[derive(Debug)]
pub(crate) struct Mind {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) models: Models,
    pub(crate) policy: ContextPolicy,
}

/// A model that speaks to a user, within limits.
#[derive(Debug)]
pub(crate) struct Speaker {
    pub(crate) model: Arc<dyn ChatModel>,
    pub(crate) policy: ContextPolicy,
    pub(crate) profile: Profile,
    pub(crate) tools: Tools,
}

/// The tools of a run.
#[derive(Debug, Default)]
pub(crate) struct Tools {
    offered: Vec<Value>,
    choice: Option<Value>,
}

/// What a summary has come to.
pub(crate) struct Summarized {
    pub(crate) text: String,
    /// The last message that it covers.
    pub(crate) until: Option<String>,
}

impl Mind {
    /// Who speaks when nothing else is said.
    pub(crate) async fn deployed(&self, user: &UserId) -> Result<Speaker, StoreError> {
        Ok(Speaker {
            model: self.models.first().clone(),
            policy: self.policy.clone(),
            profile: self.profile(Some(user)).await?,
            tools: Tools::default(),
        })
    }

    /// Who speaks in this run. A profile that came with its input is kept, and is in force at once.
    pub(crate) async fn speaker(
        &self,
        node: &Node,
        given: Option<&UserProfile>,
    ) -> Result<Speaker, NodeError> {
        let mut context = RunContext::of(node)?;
        let tools = Tools {
            offered: context.tools.take().unwrap_or_default(),
            choice: context.tool_choice.take(),
        };
        let model = match &context.model {
            None => self.models.first().clone(),
            Some(name) => self.models.named(name).map_err(|error| {
                let what = format!("the run's context asks for the model {name:?}: {error}");
                NodeError::permanent(what).with_transient(error.is_retryable())
            })?,
        };
        if !tools.offered.is_empty() && !model.has_tools() {
            let name = model.name();
            return Err(NodeError::permanent(format!(
                "the run's context offers tools, and the model {name} calls none"
            )));
        }
        let known = self.profile(node.user()).await?;
        let profile = match given {
            None => known,
            Some(given) => {
                let profile = known.clone().with(given);
                if let (Some(user), true) = (node.user(), profile != known) {
                    let patch = UserPatch {
                        name: profile.name.clone(),
                        preferences: Some(Json::of(&profile.preferences)?),
                        ..UserPatch::default()
                    };
                    self.store.put_user(user, patch).await?;
                }
                profile
            }
        };
        Ok(Speaker {
            model,
            policy: context.limits(&self.policy),
            profile,
            tools,
        })
    }

    /// Refuses a context that no run could have.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn check_context(&self, context: &Json) -> Result<(), String> {
        let context = RunContext::strict(context)?;
        match &context.model {
            None => Ok(()),
            Some(name) => self
                .models
                .named(name)
                .map(drop)
                .map_err(|error| format!("the context asks for the model {name:?}: {error}")),
        }
    }

    async fn profile(&self, user: Option<&UserId>) -> Result<Profile, StoreError> {
        let Some(user) = user else {
            return Ok(Profile::default());
        };
        let known = self.store.profile(user).await?;
        Ok(known.map_or_else(Profile::default, |known| {
            Profile::new(known.name, known.preferences.as_ref())
        }))
    }

    /// Gives a thread that has no title one, from what it begins with. Only the first turn does so: later ones begin
    /// with the same. A title that cannot be kept is not worth a turn.
    pub(crate) async fn entitle<'m>(
        &self,
        node: &Node,
        messages: impl Iterator<Item = &'m Arc<Message>>,
    ) {
        let (Some(user), Some(thread)) = (node.user(), node.thread()) else {
            return;
        };
        let mut first = None;
        for message in messages {
            match message.role() {
                Role::Ai => return,
                Role::Human if first.is_none() => first = Some(message),
                _ => {}
            }
        }
        let Some(title) = first.and_then(|first| title_of(&first.text())) else {
            return;
        };
        let key = ThreadKey {
            user: user.clone(),
            thread: thread.clone(),
        };
        // A thread that is not there yet is being made by this very run.
        let known = self.store.thread(&key).await;
        if matches!(&known, Ok(known) if known.as_ref().is_none_or(|thread| thread.title.is_none()))
        {
            let patch = ThreadPatch {
                title: Some(title),
                ..ThreadPatch::default()
            };
            let _ = self.store.update_thread(&key, patch).await;
        }
    }
}

impl Speaker {
    /// What the model is shown.
    pub(crate) fn context(
        &self,
        summary: Option<&str>,
        recent: &[Arc<Message>],
    ) -> Result<Context, ModelError> {
        Context::build(&*self.model, &self.policy, &self.profile, summary, recent)
    }

    /// A request for a reply in this context.
    pub(crate) fn reply_to(&self, node: &Node, context: &Context) -> ChatRequest {
        let messages = context.messages.clone();
        let request = self.request(messages, self.policy.reply_tokens, session(node, "reply"));
        ChatRequest {
            tools: self.tools.offered.clone(),
            tool_choice: self.tools.choice.clone(),
            ..request
        }
    }

    /// The reply as it is kept: under this id, and with what it was given for.
    pub(crate) fn signed(&self, reply: Reply, id: String, context: &Context) -> Message {
        let mut message = reply.message;
        message.id = Some(id);
        context.sign(&mut message);
        let name = self.model.name();
        let metadata = &mut message.response_metadata;
        metadata.entry("model").or_insert_with(|| name.into());
        message
    }

    /// How many of the oldest messages a summary should take in now.
    pub(crate) fn overdue(&self, recent: &[Arc<Message>]) -> usize {
        overdue(&self.policy, recent, || self.model.count_tokens(recent))
    }

    /// Extends a summary by as many of the oldest messages as the model can read at once; later turns go on. When
    /// the model fails a later turn tries again, and once the conversation no longer fits the window the notes that
    /// are taken by rule must do: a summary always comes to an end, and a fact that was told stays in the context.
    /// `None` when there is nothing to change.
    pub(crate) async fn summarize(
        &self,
        node: &Node,
        summary: Option<&str>,
        recent: &[Arc<Message>],
    ) -> Option<Summarized> {
        let summary = Summary::from_text(summary.unwrap_or_default());
        let style = self.profile.style();
        let covered = self.readable(&summary, &recent[..self.overdue(recent)], &style);
        let last = covered.last()?;
        let prose = match self.prose(&summary, covered, &style, node).await {
            Ok(prose) => prose,
            Err(error) => {
                node.emit(&json!({ "summary_failed": error.to_string() }))
                    .await;
                if self.fits(recent) {
                    return None;
                }
                summary.prose.clone()
            }
        };
        Some(Summarized {
            text: summary.extended(&prose, covered).to_text(),
            until: last.id.clone(),
        })
    }

    /// Whether all of these can be shown beside a reply.
    fn fits(&self, recent: &[Arc<Message>]) -> bool {
        let window = self.model.window_tokens();
        let room = window.saturating_sub(self.policy.reply_tokens);
        self.model.count_tokens(recent) < room / 2
    }

    /// As many of the oldest messages as a request for a summary has room for.
    fn readable<'m>(
        &self,
        summary: &Summary,
        covered: &'m [Arc<Message>],
        style: &str,
    ) -> &'m [Arc<Message>] {
        let window = self.model.window_tokens();
        let room = window.saturating_sub(self.policy.summary_tokens);
        let mut count = covered.len();
        while count > 1 {
            let asked = summary.request(&covered[..count], style);
            if self.model.count_tokens(&asked) <= room {
                break;
            }
            count /= 2;
        }
        // Not between a tool call and its results.
        while count > 1
            && covered
                .get(count)
                .is_some_and(|first| first.role() == Role::Tool)
        {
            count -= 1;
        }
        &covered[..count]
    }

    async fn prose(
        &self,
        summary: &Summary,
        covered: &[Arc<Message>],
        style: &str,
        node: &Node,
    ) -> Result<String, ModelError> {
        let tokens = self.policy.summary_tokens;
        let asked = fit(&*self.model, &summary.request(covered, style), tokens)?;
        let request = self.request(asked, tokens, session(node, "summary"));
        let reply = self.model.generate(request, &mut Silent).await?;
        Ok(reply.message.text().into_owned())
    }

    fn request(&self, messages: Vec<Arc<Message>>, tokens: usize, session: String) -> ChatRequest {
        ChatRequest {
            messages,
            temperature: self.policy.temperature,
            max_tokens: Some(tokens),
            session: Some(session),
            ..ChatRequest::default()
        }
    }
}

/// The name under which a model keeps the state of this prompt from turn to turn.
fn session(node: &Node, purpose: &str) -> String {
    let user = node.user().map_or("", UserId::as_str);
    let thread = node.thread().map_or("", ThreadId::as_str);
    format!("{user}/{thread}/{purpose}")
}
