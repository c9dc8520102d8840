//! Upkeep: what keeps a store quick and small, a task at a time.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use everthread_graph::contract::StoreError;

use crate::Store;

/// One task. What a store has no need of, it leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Upkeep {
    /// Merges the search index into one part, without what was deleted.
    Index,
    /// Tells the planner of queries how much of what there is.
    Analyze,
    /// Writes everything anew, without gaps. Others wait meanwhile, and the store takes twice its space for a moment.
    Rewrite,
    /// Gives free space back, a little at a time.
    Space,
    /// Copies the log into the file and cuts it off.
    Log,
    /// Measures what statistics estimate from then on.
    Measure,
}

impl Upkeep {
    /// The name in output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Analyze => "analyze",
            Self::Rewrite => "rewrite",
            Self::Space => "space",
            Self::Log => "log",
            Self::Measure => "measure",
        }
    }

    /// What to call it while it goes on.
    #[must_use]
    pub fn doing(self) -> &'static str {
        match self {
            Self::Index => "Merging the search index",
            Self::Analyze => "Analyzing",
            Self::Rewrite => "Writing everything anew",
            Self::Space => "Giving space back",
            Self::Log => "Emptying the log",
            Self::Measure => "Measuring",
        }
    }

    /// All that can be done while others go on, in order.
    pub const ONLINE: [Self; 5] = [
        Self::Index,
        Self::Analyze,
        Self::Space,
        Self::Log,
        Self::Measure,
    ];

    /// All tasks, in order.
    pub const ALL: [Self; 6] = [
        Self::Index,
        Self::Analyze,
        Self::Rewrite,
        Self::Space,
        Self::Log,
        Self::Measure,
    ];

    /// What takes little, for whoever does it often.
    pub const LIGHT: [Self; 4] = [Self::Analyze, Self::Space, Self::Log, Self::Measure];
}

/// What became of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tended {
    /// It was done to its end.
    Done,
    /// It was stopped on the way; what was done stands.
    Stopped,
    /// This store has no need of it.
    NotNeeded,
}

/// A task and its effect.
#[derive(Debug, Clone, PartialEq)]
pub struct UpkeepStep {
    /// The task.
    pub task: Upkeep,
    /// How long it took.
    pub took: Duration,
    /// Bytes on disk, logs included, before and after.
    pub file_bytes: (u64, u64),
    /// Bytes in use, before and after.
    pub live_bytes: (u64, u64),
    /// Whether it was stopped on the way.
    pub stopped: bool,
}

/// Hears of steps done and steps in all (0 when that is not known), and may end the task there.
pub type UpkeepProgress<'a> = &'a mut (dyn FnMut(u64, u64) -> ControlFlow<()> + Send);

/// Does these tasks one after the other; the effect of each that the store has need of. `progress` hears of each step
/// of a task, and may end it and all that come after it.
///
/// # Errors
/// Those of [`Store::upkeep`] and [`Store::stats`].
pub async fn tend(
    store: &dyn Store,
    tasks: &[Upkeep],
    progress: &mut (dyn FnMut(Upkeep, u64, u64) -> ControlFlow<()> + Send),
) -> Result<Vec<UpkeepStep>, StoreError> {
    let mut steps = Vec::with_capacity(tasks.len());
    let mut before = store.stats().await?;
    for &task in tasks {
        if progress(task, 0, 0).is_break() {
            break;
        }
        let begun = Instant::now();
        let tell = &mut |done, total| progress(task, done, total);
        let tended = store.upkeep(task, tell).await?;
        let took = begun.elapsed();
        if tended == Tended::NotNeeded {
            continue;
        }
        let after = store.stats().await?;
        let stopped = tended == Tended::Stopped;
        steps.push(UpkeepStep {
            task,
            took,
            file_bytes: (before.file_bytes, after.file_bytes),
            live_bytes: (before.live_bytes, after.live_bytes),
            stopped,
        });
        if stopped {
            break;
        }
        before = after;
    }
    Ok(steps)
}
