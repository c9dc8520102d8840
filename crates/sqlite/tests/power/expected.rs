//! What must be there after a cut, as the lines say that were heard.

use std::collections::{BTreeMap, HashSet};

use everthread_graph::contract::RunId;

use crate::job::{Line, Saved};
use crate::recording::Cut;

/// What is known of one thread.
#[derive(Debug, Default)]
pub(crate) struct Thread<'a> {
    /// Everything that was durable, in order.
    pub(crate) saved: Vec<&'a Saved>,
    /// Messages that may be gone, because their removal had been asked for.
    pub(crate) may_lack: HashSet<&'a str>,
    /// Whether a removal was under way, so that the last transcript may lack a message.
    pub(crate) is_removing: bool,
    /// Whether checkpoints were being deleted, so that the last may lack.
    pub(crate) is_pruning: bool,
    /// Runs that waited, whatever became of them since.
    pub(crate) waiting: Vec<RunId>,
    pub(crate) may_be_deleted: bool,
    pub(crate) is_deleted: bool,
}

/// What is known of each thread of which anything was heard.
pub(crate) fn threads<'a>(cut: &Cut<'a>) -> BTreeMap<&'a str, Thread<'a>> {
    let mut threads: BTreeMap<&str, Thread<'_>> = BTreeMap::new();
    // An intention counts from the moment that it names itself, which may be before it was heard.
    let heard = cut.heard.iter().map(|heard| (true, &heard.line));
    let later = cut.later.iter().map(|heard| (false, &heard.line));
    for (is_heard, line) in heard.chain(later) {
        match line {
            Line::Saved(saved) if is_heard => {
                let thread = threads.entry(&saved.thread).or_default();
                thread.saved.push(saved);
                thread.is_removing = false;
                thread.is_pruning = false;
            }
            Line::Deleted { thread } if is_heard => {
                threads.entry(thread).or_default().is_deleted = true;
            }
            Line::Waiting { thread, run } if is_heard => {
                threads.entry(thread).or_default().waiting.push(*run);
            }
            Line::Removing {
                thread,
                text,
                log_len,
            } if *log_len <= cut.at => {
                let thread = threads.entry(thread).or_default();
                thread.may_lack.insert(text);
                thread.is_removing = true;
            }
            Line::Pruning { thread, log_len } if *log_len <= cut.at => {
                threads.entry(thread).or_default().is_pruning = true;
            }
            Line::Deleting { thread, log_len } if *log_len <= cut.at => {
                threads.entry(thread).or_default().may_be_deleted = true;
            }
            _ => {}
        }
    }
    threads
}

/// The least value of each long-term item.
pub(crate) fn items<'a>(cut: &Cut<'a>) -> BTreeMap<&'a str, u32> {
    let mut items = BTreeMap::new();
    for heard in cut.heard {
        if let Line::Item { name, value } = &heard.line {
            items.insert(&**name, *value);
        }
    }
    items
}
