//! How many turns a second the engine does alone: the notebook's graph, an instant model, no store.
//!
//! `cargo run --release -p everthread-graph --example engine_bench [TURNS]`

use std::sync::Arc;
use std::time::Instant;

use everthread_graph::{Context, END, Edit, Edits, Entry, Error, Keyed, START, State, StateGraph};
use serde::{Deserialize, Serialize};

/// Above so many messages the conversation is summarised.
const LIMIT: usize = 6;
/// So many messages stay.
const KEPT: usize = 2;
/// Characters of a reply.
const REPLY_CHARS: usize = 200;

#[derive(Clone, Serialize, Deserialize)]
struct Message {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    role: String,
    content: String,
}

impl Entry for Message {
    fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    fn set_id(&mut self, id: String) {
        self.id = Some(id);
    }
}

fn message(role: &str, content: String) -> Message {
    Message {
        id: None,
        role: role.to_owned(),
        content,
    }
}

#[derive(State)]
struct Chat {
    messages: Keyed<Message>,
    summary: Option<String>,
    user_id: String,
}

/// The model: it reads what it is given, and answers at once.
fn model(messages: &Keyed<Message>, summary: Option<&str>) -> String {
    let read: usize = messages.iter().map(|message| message.content.len()).sum();
    let read = read + summary.map_or(0, str::len);
    "x".repeat(REPLY_CHARS + usize::from(read == 0))
}

async fn chat(state: Arc<Chat>, _: Context) -> ChatUpdate {
    let reply = model(&state.messages, state.summary.as_deref());
    Chat::update().messages(message("ai", reply))
}

async fn summarize(state: Arc<Chat>, _: Context) -> ChatUpdate {
    let summary = model(&state.messages, state.summary.as_deref());
    let old = state.messages.range(..state.messages.len() - KEPT);
    let old = old.filter_map(|message| message.id.clone());
    let removals: Edits<Message> = old.map(Edit::Remove).collect();
    Chat::update().messages(removals).summary(summary)
}

fn main() -> Result<(), Error> {
    let turns = std::env::args()
        .nth(1)
        .and_then(|turns| turns.parse().ok())
        .unwrap_or(200_000_u32);
    let graph = StateGraph::<Chat>::new()
        .node("chat", chat)
        .node("summarize", summarize)
        .edge(START, "chat")
        .route(
            "chat",
            |state: &Chat| {
                if state.messages.len() > LIMIT {
                    "summarize"
                } else {
                    END
                }
            },
            ["summarize", END],
        )
        .edge("summarize", END)
        .compile_stateless()?;
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("a runtime without I/O can always be built");
    runtime.block_on(async {
        let mut state = Arc::new(Chat::initial());
        let question = "q".repeat(REPLY_CHARS);
        let start = Instant::now();
        for _ in 0..turns {
            let input = Chat::update()
                .messages(message("human", question.clone()))
                .user_id("alice_123");
            state = graph.invoke_on(state, input).await?.state;
        }
        let seconds = start.elapsed().as_secs_f64();
        assert!(state.messages.len() <= LIMIT && state.summary.is_some());
        assert_eq!(state.user_id, "alice_123");
        println!(
            "{:.0} turns/s, {:.2} µs a turn",
            f64::from(turns) / seconds,
            seconds * 1e6 / f64::from(turns)
        );
        Ok(())
    })
}
