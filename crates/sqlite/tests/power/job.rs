//! What a child process is asked to do, and the lines that it answers with.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use everthread_graph::contract::{CheckpointId, RunId};
use serde::{Deserialize, Serialize};

use crate::device::{Device, DeviceOptions};

/// The variable that holds the job, as JSON; without it the child's entry returns at once.
pub(crate) const VARIABLE: &str = "EVERTHREAD_POWER_JOB";
/// What a line of ours begins with, to tell it from what the test harness prints.
pub(crate) const MARK: &str = "@power ";

/// What to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) work: Work,
    /// Where the database lies.
    pub(crate) dir: PathBuf,
    /// Where the device notes its events.
    pub(crate) log: PathBuf,
    /// How many children had this job before.
    pub(crate) life: u32,
    /// Turns of each of the three conversations.
    pub(crate) turns: u32,
    /// Whether turns are sometimes asked for while another runs.
    pub(crate) queues: bool,
    pub(crate) ignore_syncs: bool,
    pub(crate) fail_wal_sync_every: u32,
    /// What a sync takes on top of the real one.
    pub(crate) sync_delay_ms: u64,
}

/// On what to work.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Work {
    /// Rows of a plain SQLite table.
    Rows {
        journal: String,
        synchronous: String,
        /// Copies the log into the file before anything that a killed process left is shown.
        settles: bool,
    },
    /// Turns in the store.
    Turns {
        synchronous: String,
        /// Acknowledges what is only admitted, which is wrong and must be found out.
        early: bool,
    },
}

/// What the child says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Line {
    /// A row was committed.
    Row { conversation: u32, turn: u32 },
    /// A thread was told that it is durable up to here.
    Saved(Saved),
    /// A message will be taken back. The log is at least this long when that happens.
    Removing {
        thread: String,
        text: String,
        log_len: usize,
    },
    /// Old checkpoints of a thread will be deleted, perhaps the last that was heard of. The log is at least this long
    /// when that happens.
    Pruning { thread: String, log_len: usize },
    /// A thread will be deleted. The log is at least this long when that happens.
    Deleting { thread: String, log_len: usize },
    /// A run waits in its thread; its input is kept.
    Waiting { thread: String, run: RunId },
    /// A long-term item has this value or a higher one.
    Item { name: String, value: u32 },
    /// A thread was deleted.
    Deleted { thread: String },
}

/// What is durable of a thread.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Saved {
    pub(crate) thread: String,
    pub(crate) checkpoint: CheckpointId,
    /// Digests of what people and of what the model would see there.
    pub(crate) transcript: u64,
    pub(crate) context: u64,
    /// What was said since the last line.
    pub(crate) texts: Vec<String>,
    /// What was taken back since the last line.
    pub(crate) removed: Option<String>,
}

impl Line {
    /// Says it to the parent, in one write.
    pub(crate) fn say(&self) {
        let text = format!("\n{MARK}{}\n", serde_json::to_string(self).unwrap());
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes()).unwrap();
        out.flush().unwrap();
    }
}

impl Job {
    /// The log's length now.
    pub(crate) fn log_len(&self) -> usize {
        usize::try_from(std::fs::metadata(&self.log).unwrap().len()).unwrap()
    }

    /// Puts the directory on its device.
    pub(crate) fn attach(&self) {
        crate::vfs::register();
        let options = DeviceOptions {
            log: Some(self.log.clone()),
            ignore_syncs: self.ignore_syncs,
            sync_delay: Duration::from_millis(self.sync_delay_ms),
            fail_wal_sync_every: self.fail_wal_sync_every,
        };
        Device::attach(&self.dir, options);
    }
}

/// The child's entry, in the guise of a test.
#[test]
fn child() {
    let Ok(job) = std::env::var(VARIABLE) else {
        return;
    };
    let job: Job = serde_json::from_str(&job).unwrap();
    job.attach();
    match &job.work {
        Work::Rows { .. } => crate::rows::work(&job),
        Work::Turns { synchronous, early } => crate::turns::work(&job, synchronous, *early),
    }
    // As if killed: nothing is closed.
    std::process::exit(0);
}
