//! `everthread chat`: talk to a model that remembers.

mod asking;
mod lines;
mod session;
mod shown;
mod visit;
mod words;

use std::sync::Arc;

use everthread_chat::Chatbot;
use everthread_graph::contract::ThreadKey;
use everthread_model::ModelConfig;

use crate::cli::Chat;
use crate::failure::Failure;
use crate::output::{Output, is_interactive};
use crate::settings::Settings;
use crate::wiring;

pub(crate) use asking::{make_ready, make_servable};

/// Runs the command.
pub(crate) async fn run(settings: &Settings, output: Output, args: &Chat) -> Result<(), Failure> {
    let key = ThreadKey {
        user: settings.user(args.who.user.as_deref())?,
        thread: settings.thread(args.thread.as_deref())?,
    };
    let spec = settings.model(args.model.as_deref());
    let mut config: ModelConfig = wiring::model_config(settings);
    // JSON is for programs: with it, each line of stdin is a turn even at a terminal.
    let interactive = is_interactive() && !output.is_json();
    make_ready(&spec, &mut config, interactive)?;
    let model = wiring::open_model(&spec, &config)?;
    let store = wiring::open_store(settings).await?;
    let bot = Chatbot::new(Arc::clone(&store), model, settings.context_policy())?;
    let done = if interactive {
        session::run(&bot, &store, key, &spec).await
    } else {
        lines::run(&bot, &store, key, output).await
    };
    let closed = store.close().await;
    done?;
    Ok(closed?)
}
