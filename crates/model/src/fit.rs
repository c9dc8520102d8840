//! Makes a conversation fit a model's window by leaving out its oldest part.
//!
//! What is best left out, or summarised instead, is the caller's policy; this is the last resort.

use std::sync::Arc;

use crate::{ChatModel, Message, ModelError, ModelErrorKind, Role};

/// Drops the oldest messages until the rest, and `reserve_tokens` for the reply, fit the model's window.
///
/// System messages stay, the last message stays, and a tool call is never parted from its results.
///
/// # Errors
///
/// [`ContextTooLong`](ModelErrorKind::ContextTooLong) when what must stay does not fit either.
pub fn fit(
    model: &dyn ChatModel,
    messages: &[Arc<Message>],
    reserve_tokens: usize,
) -> Result<Vec<Arc<Message>>, ModelError> {
    let budget = model.window_tokens().saturating_sub(reserve_tokens);
    let costs: Vec<usize> = messages
        .iter()
        .map(|message| model.count_tokens(std::slice::from_ref(message)))
        .collect();
    let mut needed: usize = costs.iter().sum();
    let mut cut = 0;
    for end in cut_points(messages) {
        if needed <= budget {
            break;
        }
        needed -= (cut..end)
            .filter(|&i| messages[i].role() != Role::System)
            .map(|i| costs[i])
            .sum::<usize>();
        cut = end;
    }
    if needed > budget {
        let window = budget;
        let kind = ModelErrorKind::ContextTooLong { needed, window };
        return Err(ModelError::new(kind, model.name()));
    }
    let kept = messages.iter().enumerate();
    let kept = kept.filter(|(i, message)| *i >= cut || message.role() == Role::System);
    Ok(kept.map(|(_, message)| Arc::clone(message)).collect())
}

/// The positions, ascending and below the last message, at which no tool call is parted from a result.
fn cut_points(messages: &[Arc<Message>]) -> Vec<usize> {
    let mut points = Vec::new();
    let mut bound_until = 0;
    for (i, message) in messages.iter().enumerate() {
        if i > 0 && i >= bound_until {
            points.push(i);
        }
        for call in &message.tool_calls {
            let result = messages.iter().rposition(|m| {
                m.tool_call_id.is_some() && m.tool_call_id.as_deref() == call.id.as_deref()
            });
            bound_until = bound_until.max(result.map_or(0, |at| at + 1));
        }
    }
    points
}

#[cfg(test)]
mod tests;
