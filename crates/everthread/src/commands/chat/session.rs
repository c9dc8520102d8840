//! The chat of people: a prompt with history and line editing, replies as they come.

use std::sync::Arc;

use everthread_chat::{Chatbot, Conversation, Said};
use everthread_graph::contract::ThreadKey;
use everthread_model::{Message, Role};
use everthread_store::{Search, Store};
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;
use tokio::signal;

use super::shown::Shown;
use super::visit::Visit;
use super::words::{HELP, Typed};
use crate::failure::{Exit, Failure};
use crate::output::{count, first_line, printable};
use crate::settings::data_dir;
use crate::terminal::style;

/// Prints a line. A terminal that is gone ends the session at the next prompt, not here.
macro_rules! say {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($words)*);
    }};
}

/// Messages shown when a conversation is taken up again.
const SHOWN_MESSAGES: usize = 4;

struct Session<'a> {
    bot: &'a Chatbot,
    store: &'a Arc<dyn Store>,
    conversation: Conversation,
    visit: Visit,
}

/// Talks until the person leaves.
pub(super) async fn run(
    bot: &Chatbot,
    store: &Arc<dyn Store>,
    key: ThreadKey,
    model: &str,
) -> Result<(), Failure> {
    let mut session = Session {
        bot,
        store,
        visit: Visit::new(store, &key),
        conversation: bot.conversation(key),
    };
    session.greet(model).await?;
    let mut editor = Some(editor()?);
    loop {
        let (back, line) = read(editor.take()).await?;
        editor = back;
        let Some(line) = line else { break };
        match Typed::read(&line) {
            Typed::Quit => break,
            typed => {
                if let Err(failure) = session.obey(typed).await {
                    say!("{}", style::faint(&format!("! {failure}")));
                }
            }
        }
    }
    say!("{}", style::faint("Everything is kept. Until next time."));
    Ok(session.conversation.rest().await?)
}

impl Session<'_> {
    async fn greet(&mut self, model: &str) -> Result<(), Failure> {
        let standing = self.conversation.standing(SHOWN_MESSAGES).await?;
        let key = self.conversation.key();
        say!(
            "{}  {}",
            style::strong("Everthread"),
            style::faint(&format!(
                "{} · user {} · model {model} · /help for more",
                key.thread, key.user
            ))
        );
        match &standing.thread {
            None => say!("{}", style::faint("A new conversation. Say something.")),
            Some(thread) => {
                let summary = if standing.summary.is_some() {
                    ", with a summary"
                } else {
                    ""
                };
                let title = thread.title.as_deref().unwrap_or("no title");
                say!(
                    "{}",
                    style::faint(&format!(
                        "“{}”: {}{summary}. You were here:",
                        printable(title),
                        count(thread.messages, "message")
                    ))
                );
                for message in &standing.last {
                    say!("{}", gist(message));
                }
            }
        }
        say!();
        self.catch_up(standing.unanswered).await;
        Ok(())
    }

    /// Says what waited when another process went away, and asks for a reply that is missing.
    async fn catch_up(&mut self, unanswered: bool) {
        let mut shown = Shown::begin();
        match self
            .conversation
            .take_over(&mut |said| shown.hear(said))
            .await
        {
            Ok(0) => {}
            Ok(_) => shown.end(""),
            Err(error) => say!("{}", style::faint(&format!("! {}", Failure::from(error)))),
        }
        if unanswered {
            say!(
                "{}",
                style::faint("The last message has no reply yet; asking again.")
            );
            if let Err(failure) = self.turn(None).await {
                say!("{}", style::faint(&format!("! {failure}")));
            }
        }
    }

    async fn obey(&mut self, typed: Typed) -> Result<(), Failure> {
        match typed {
            Typed::Message(text) => self.turn(Some(text)).await?,
            Typed::Retry => self.turn(None).await?,
            Typed::Help => say!("{HELP}\n"),
            Typed::History(count) => self.history(count).await?,
            Typed::Summary => {
                self.conversation.rest().await?;
                let standing = self.conversation.standing(0).await?;
                let summary = standing.summary.unwrap_or_else(|| "No summary yet.".into());
                say!("{}\n", printable(&summary));
            }
            Typed::Search(words) => self.search(words).await?,
            Typed::Fork(turns) => self.fork(turns).await?,
            Typed::Wrong(usage) => say!("{}\n", style::faint(usage)),
            Typed::Unknown(word) => say!("{}\n", style::faint(&format!("{word}? See /help."))),
            Typed::Empty | Typed::Quit => {}
        }
        Ok(())
    }

    /// One turn; Ctrl-C stops the reply and keeps what was said.
    async fn turn(&mut self, text: Option<String>) -> Result<(), Failure> {
        let mut shown = Shown::begin();
        let mut hear = |said: Said<'_>| shown.hear(said);
        let reply = tokio::select! {
            reply = async {
                match text {
                    Some(text) => self.conversation.say(Message::human(text), &mut hear).await,
                    None => self.conversation.go_on(&mut hear).await,
                }
            } => Some(reply),
            _ = signal::ctrl_c() => None,
        };
        if !matches!(reply, Some(Err(_))) {
            self.visit.turn().await;
        }
        match reply {
            Some(Ok(reply)) => {
                shown.end(&reply.text());
                Ok(())
            }
            Some(Err(error)) => {
                shown.end("");
                Err(Failure::from(error))
            }
            None => {
                say!("\n{}\n", style::faint("Stopped. /retry asks again."));
                Ok(())
            }
        }
    }

    async fn history(&self, count: usize) -> Result<(), Failure> {
        let standing = self.conversation.standing(count).await?;
        for message in &standing.last {
            let who = match message.role() {
                Role::Human => style::person("You"),
                Role::Ai => style::machine("Assistant"),
                other => style::faint(&other.to_string()),
            };
            say!("{who}\n{}\n", printable(&message.text()));
        }
        Ok(())
    }

    async fn search(&self, words: String) -> Result<(), Failure> {
        let query = Search {
            words,
            thread: None,
            offset: 0,
            limit: 10,
        };
        let hits = self
            .store
            .search(&self.conversation.key().user, query)
            .await?;
        for hit in &hits {
            let line = hit.checkpoint.map_or("", |_| " (another branch)");
            let place = style::faint(&format!("{} #{}{line}", hit.thread, hit.seq));
            say!(
                "{place}  {}",
                first_line(&hit.snippet.replace('\n', " "), 120)
            );
        }
        say!("{}\n", style::faint(&format!("{} found", hits.len())));
        Ok(())
    }

    async fn fork(&mut self, turns: usize) -> Result<(), Failure> {
        self.conversation.rest().await?;
        let key = self.conversation.key().clone();
        let Some(at) = self.bot.before_turns(&key, turns).await? else {
            return Err(Failure::new(
                Exit::NotFound,
                "there are not so many turns to go back",
            ));
        };
        self.bot.graph().thread(key).fork(at).await?;
        let standing = self.conversation.standing(2).await?;
        say!(
            "{}",
            style::faint("Back here; what came after is kept on its own branch:")
        );
        for message in &standing.last {
            say!("{}", gist(message));
        }
        say!();
        Ok(())
    }
}

fn gist(message: &Message) -> String {
    let who = match message.role() {
        Role::Human => style::person("you"),
        Role::Ai => style::machine("assistant"),
        other => style::faint(&other.to_string()),
    };
    format!("  {who}: {}", first_line(&message.text(), 100))
}

fn editor() -> Result<DefaultEditor, Failure> {
    let mut editor = DefaultEditor::new().map_err(|error| {
        Failure::new(Exit::Failed, "no line editor on this terminal").because(error)
    })?;
    // No history yet is no error.
    let _ = editor.load_history(&data_dir().join("lines"));
    Ok(editor)
}

/// Reads a line, or several joined by `\`, on a thread that may wait. `None`: the person left.
async fn read(
    editor: Option<DefaultEditor>,
) -> Result<(Option<DefaultEditor>, Option<String>), Failure> {
    let Some(mut editor) = editor else {
        return Ok((None, None));
    };
    let prompt = "› ";
    let read = move || {
        let mut text = String::new();
        loop {
            match editor.readline(if text.is_empty() { prompt } else { "… " }) {
                Ok(line) => match line.strip_suffix('\\') {
                    Some(part) => text += &format!("{part}\n"),
                    None => {
                        text += &line;
                        break;
                    }
                },
                Err(ReadlineError::Interrupted) => text.clear(),
                Err(ReadlineError::Eof) => return Ok((editor, None)),
                Err(error) => return Err(error),
            }
        }
        if !text.trim().is_empty() {
            // Losing the line history is not worth stopping a conversation.
            let _ = editor.add_history_entry(&text);
            let _ = std::fs::create_dir_all(data_dir());
            let _ = editor.save_history(&data_dir().join("lines"));
        }
        Ok((editor, Some(text)))
    };
    let (editor, line) = tokio::task::spawn_blocking(read)
        .await
        .map_err(|error| Failure::new(Exit::Failed, "the line editor stopped").because(error))?
        .map_err(|error| {
            Failure::new(Exit::Failed, "the terminal cannot be read").because(error)
        })?;
    Ok((Some(editor), line))
}
