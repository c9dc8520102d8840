//! The chat of scripts: one turn a line of stdin, the replies alone on stdout.

use std::io::{self, Write};
use std::sync::Arc;

use everthread_chat::{Chatbot, Said};
use everthread_graph::contract::ThreadKey;
use everthread_model::Message;
use everthread_store::Store;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};

use super::visit::Visit;
use crate::failure::{Exit, Failure};

/// The longest line that is taken in.
const LONGEST_LINE_BYTES: u64 = 64 << 20;

/// Takes a turn a line. The first turn that fails ends it; what was said before is kept.
pub(super) async fn run(
    bot: &Chatbot,
    store: &Arc<dyn Store>,
    key: ThreadKey,
) -> Result<(), Failure> {
    let mut visit = Visit::new(store, &key);
    let mut conversation = bot.conversation(key);
    conversation.take_over(&mut |_| {}).await?;
    let mut stdin = BufReader::new(tokio::io::stdin());
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut limited = (&mut stdin).take(LONGEST_LINE_BYTES);
        if limited.read_until(b'\n', &mut line).await? == 0 {
            return Ok(conversation.rest().await?);
        }
        if line.len() as u64 == LONGEST_LINE_BYTES {
            let what = "a line of the input is longer than 64 MiB; the turns before it are kept";
            return Err(Failure::new(Exit::Invalid, what));
        }
        let text = std::str::from_utf8(&line).map_err(|error| {
            Failure::new(
                Exit::Invalid,
                "a line of the input is not UTF-8; the turns before it are kept",
            )
            .because(error)
        })?;
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        if text.trim().is_empty() {
            continue;
        }
        let mut reply = Reply::default();
        conversation
            .say(Message::human(text), &mut |said| reply.hear(said))
            .await?;
        visit.turn().await;
        reply.end()?;
        conversation.rest().await?;
    }
}

/// A reply on its way to stdout, piece by piece.
#[derive(Default)]
struct Reply {
    failed: Option<io::Error>,
}

impl Reply {
    fn hear(&mut self, said: Said<'_>) {
        let written = match said {
            Said::Text(text) => write(text),
            Said::Restart => write("\n"),
        };
        if let Err(error) = written {
            self.failed.get_or_insert(error);
        }
    }

    fn end(self) -> Result<(), Failure> {
        match self.failed {
            Some(error) => Err(error.into()),
            None => Ok(write("\n")?),
        }
    }
}

fn write(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}
