//! How well a model remembers: twenty facts, each told once, asked for after a summary and a restart.
//!
//!     cargo run --release --example remember [MODEL]
//!
//! For each fact there is a conversation of its own: the fact, then small talk until the product's chat graph has
//! summarised it away, then a restart (the store and the graph are opened anew), then the question. Printed is
//! whether the fact was in the context that the model was shown, and whether it was in the answer. The figures of
//! `docs/MODELS.md` are made with it.

use std::error::Error;
use std::sync::Arc;

use everthread::graph::contract::{At, ThreadId, ThreadKey, UserId};
use everthread::model::{self, LocalConfig, OpenAiConfig};
use everthread::prelude::*;

/// What is told, what is asked, and what must be in the answer (any of them, in lower case).
const FACTS: &[(&str, &str, &[&str])] = &[
    ("My name is Anna.", "What is my name?", &["anna"]),
    ("My dog is called Rex.", "What is my dog's name?", &["rex"]),
    ("I live in Lisbon.", "Where do I live?", &["lisbon"]),
    (
        "I work as a marine biologist.",
        "What is my job?",
        &["marine biologist"],
    ),
    (
        "My flight to Oslo is on 12 December.",
        "When is my flight to Oslo?",
        &["12"],
    ),
    (
        "My daughter Mia is seven years old.",
        "How old is my daughter?",
        &["seven", "7"],
    ),
    (
        "I am allergic to peanuts.",
        "What am I allergic to?",
        &["peanut"],
    ),
    (
        "My favourite colour is teal.",
        "What is my favourite colour?",
        &["teal"],
    ),
    ("I drive a red Volvo.", "What car do I drive?", &["volvo"]),
    (
        "My brother Tom lives in Canada.",
        "In which country does my brother live?",
        &["canada"],
    ),
    (
        "I'm building a web shop with FastAPI.",
        "Which framework do I use?",
        &["fastapi"],
    ),
    ("My wedding is on 3 June.", "When is my wedding?", &["june"]),
    ("My cat is named Luna.", "What is my cat called?", &["luna"]),
    (
        "I play the cello.",
        "Which instrument do I play?",
        &["cello"],
    ),
    (
        "My budget for the trip is 900 euros.",
        "What is my budget for the trip?",
        &["900"],
    ),
    ("I was born in Nairobi.", "Where was I born?", &["nairobi"]),
    ("My boss is Mrs. Keller.", "Who is my boss?", &["keller"]),
    (
        "I prefer tea to coffee.",
        "Do I prefer tea or coffee?",
        &["tea"],
    ),
    (
        "My database is PostgreSQL 16.",
        "Which database do I use?",
        &["postgres"],
    ),
    (
        "My gym is open until 11 pm.",
        "Until when is my gym open?",
        &["11"],
    ),
];

const SMALL_TALK: &[&str] = &[
    "Tell me something about the sea.",
    "What is a good soup for the winter?",
    "How long does an egg boil?",
];

type Shared = Arc<dyn ChatModel>;

/// Everything opened anew, as a new process would; only the weights stay in memory.
fn open(
    path: &std::path::Path,
    model: &Shared,
) -> Result<(Arc<dyn Store>, Chatbot), Box<dyn Error>> {
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(SqliteOptions::at(path))?);
    let policy = ContextPolicy {
        reply_tokens: 80,
        ..ContextPolicy::default()
    };
    let bot = Chatbot::new(Arc::clone(&store), Arc::clone(model), policy)?;
    Ok((store, bot))
}

fn open_model() -> Result<Shared, Box<dyn Error>> {
    let name = std::env::args().nth(1).unwrap_or_else(|| "local".into());
    let spec: ModelSpec = name.parse()?;
    let config = ModelConfig {
        openai: OpenAiConfig::from_env(),
        local: LocalConfig {
            models_dir: model::weights::default_dir(),
            ..LocalConfig::default()
        },
        ..ModelConfig::default()
    };
    Ok(model::open(&spec, &config)?)
}

fn holds(text: &str, wanted: &[&str]) -> bool {
    let text = text.to_lowercase();
    wanted.iter().any(|wanted| text.contains(wanted))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("remember.db");
    let model = open_model()?;
    let (mut in_context, mut in_answer) = (0, 0);
    for (i, (fact, question, wanted)) in FACTS.iter().enumerate() {
        let key = ThreadKey {
            user: UserId::new("somebody")?,
            thread: ThreadId::new(format!("fact-{i}"))?,
        };
        let (store, bot) = open(&path, &model)?;
        let mut talk = bot.conversation(key.clone());
        for text in [fact].into_iter().chain(SMALL_TALK) {
            talk.say(Message::human(*text), &mut |_| {}).await?;
        }
        talk.rest().await?;
        store.close().await?;

        let (store, bot) = open(&path, &model)?;
        let mut talk = bot.conversation(key.clone());
        let summary = talk.standing(0).await?.summary;
        let answer = talk.say(Message::human(*question), &mut |_| {}).await?;
        let sent = bot
            .sent(&key, At::Head)
            .await?
            .ok_or("something was sent")?;
        assert!(sent.is_exact, "what is shown is what was sent");
        let sent: Vec<String> = sent
            .context
            .messages
            .iter()
            .map(|message| message.text().into_owned())
            .collect();
        let (shown, told) = (
            holds(&sent.join("\n"), wanted),
            holds(&answer.text(), wanted),
        );
        in_context += usize::from(shown);
        in_answer += usize::from(told);
        println!(
            "{} {} {question} → {}",
            if shown { "context ✓" } else { "context ✗" },
            if told { "answer ✓" } else { "answer ✗" },
            answer.text().replace('\n', " ")
        );
        if summary.is_none() {
            return Err("nothing was summarised".into());
        }
        talk.rest().await?;
        store.close().await?;
    }
    println!(
        "{}: in the context {in_context} of 20, in the answer {in_answer} of 20",
        model.name()
    );
    Ok(())
}
