//! The chat of scripts: one turn a line of stdin, the replies alone on stdout, as text or as one JSON object a line.

use std::io::{self, Write};
use std::sync::Arc;

use everthread_chat::{Chatbot, Said};
use everthread_graph::contract::ThreadKey;
use everthread_model::Message;
use everthread_store::Store;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};

use super::visit::Visit;
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// The longest line that is taken in.
const LONGEST_LINE_BYTES: u64 = 64 << 20;

/// Takes a turn a line; blank lines are passed over. The first turn that fails ends it; what was said before is kept.
pub(super) async fn run(
    bot: &Chatbot,
    store: &Arc<dyn Store>,
    key: ThreadKey,
    output: Output,
) -> Result<(), Failure> {
    let mut visit = Visit::new(store, &key);
    let mut conversation = bot.conversation(key.clone());
    conversation.take_over(&mut |_| {}).await?;
    let mut stdin = BufReader::new(tokio::io::stdin());
    let mut bytes = Vec::new();
    let (mut number, mut turns) = (0_u64, 0_u64);
    loop {
        bytes.clear();
        let mut limited = (&mut stdin).take(LONGEST_LINE_BYTES);
        if limited.read_until(b'\n', &mut bytes).await? == 0 {
            break;
        }
        number += 1;
        let text = read(&bytes, number)?;
        if text.trim().is_empty() {
            continue;
        }
        let mut reply = Reply::new(output);
        let said = conversation
            .say(Message::human(text), &mut |said| reply.hear(said))
            .await;
        if said.is_err() {
            reply.break_off();
        }
        let message = said?;
        turns += 1;
        visit.turn().await;
        reply.end(&key, text, &message)?;
        conversation.rest().await?;
    }
    conversation.rest().await?;
    if turns == 0 && number > 0 {
        let what = "an empty message cannot be said: the input holds blank lines only";
        return Err(Failure::new(Exit::Invalid, what));
    }
    Ok(())
}

/// The text of a line, without its end.
fn read(bytes: &[u8], number: u64) -> Result<&str, Failure> {
    if bytes.len() as u64 == LONGEST_LINE_BYTES {
        let what = format!(
            "line {number} of the input is longer than 64 MiB; the turns before it are kept"
        );
        return Err(Failure::new(Exit::Invalid, what));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let what = format!(
            "line {number} of the input is not UTF-8; the turns before it are kept, it and what follows were not said"
        );
        Failure::new(Exit::Invalid, what).because(error)
    })?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    Ok(text.strip_suffix('\r').unwrap_or(text))
}

/// A reply on its way to stdout: text piece by piece, JSON as a whole.
struct Reply {
    output: Output,
    failed: Option<io::Error>,
    any: bool,
}

impl Reply {
    fn new(output: Output) -> Self {
        Self {
            output,
            failed: None,
            any: false,
        }
    }

    fn hear(&mut self, said: Said<'_>) {
        if self.output.is_json() {
            return;
        }
        self.any = true;
        let written = match said {
            Said::Text(text) => write(text),
            Said::Restart => write("\n"),
        };
        if let Err(error) = written {
            self.failed.get_or_insert(error);
        }
    }

    /// Ends the line of a reply that does not come to its end, so that nothing else stands on it.
    fn break_off(&mut self) {
        if self.any {
            // The failure is told in any case.
            let _ = write("\n");
        }
    }

    fn end(self, key: &ThreadKey, question: &str, reply: &Message) -> Result<(), Failure> {
        if let Some(error) = self.failed {
            return Err(error.into());
        }
        if !self.output.is_json() {
            return Ok(write("\n")?);
        }
        let turn = json!({
            "user": key.user.as_str(),
            "thread": key.thread.as_str(),
            "message": question,
            "reply": reply.text(),
            "reply_id": reply.id,
        });
        Ok(write(&format!("{turn}\n"))?)
    }
}

fn write(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}
