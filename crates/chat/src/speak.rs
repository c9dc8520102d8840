//! Lets a model speak inside a node: what it says reaches those who listen while it is said.

use everthread_graph::Context as Node;
use everthread_model::{ChatModel, ChatRequest, Delta, ModelError, Reply, Silent};
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// What a sink hands on.
enum Heard {
    Text(String),
    Restart,
}

/// Asks the model; emits each piece of its reply as a chunk of one message, in LangChain's form. Gives the reply and
/// the id of that message, under which it is to be kept: when a crash ended the node, the reply begins anew under the
/// same id.
///
/// When the model starts its reply anew (another of the fallback chain takes over), listeners of custom events hear
/// `{"restart": ID}`: the message of this id is void, and what follows is another one.
pub(crate) async fn speak(
    node: &Node,
    model: &dyn ChatModel,
    request: ChatRequest,
) -> Result<(Reply, String), ModelError> {
    let mut id = node.lasting_id(0);
    if !node.wants_messages() {
        let reply = model.generate(request, &mut Silent).await?;
        return Ok((reply, id));
    }
    let (sender, mut heard) = mpsc::unbounded_channel();
    let mut sink = move |delta: Delta<'_>| {
        let heard = match delta {
            Delta::Text(text) => Heard::Text(text.to_owned()),
            _ => Heard::Restart,
        };
        // Nobody listens any more only when this whole function is being dropped.
        let _ = sender.send(heard);
    };
    let metadata = json!({ "model": model.name() });
    let speaking = async move {
        let reply = model.generate(request, &mut sink).await;
        drop(sink);
        reply
    };
    let listening = async {
        let mut restarts = 0;
        while let Some(piece) = heard.recv().await {
            match piece {
                Heard::Text(text) => node.emit_message(&chunk(&id, &text), &metadata).await,
                Heard::Restart => {
                    node.emit(&json!({ "restart": id })).await;
                    restarts += 1;
                    id = node.lasting_id(restarts);
                }
            }
        }
    };
    let (reply, ()) = tokio::join!(speaking, listening);
    Ok((reply?, id))
}

fn chunk(id: &str, text: &str) -> Value {
    json!({ "type": "AIMessageChunk", "id": id, "content": text })
}
