//! What one child did and said, and power cuts at any moment of it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::disk::{Disk, files, write_files};
use crate::job::{Job, Line, MARK, VARIABLE};
use crate::log::decode;
use crate::rng::Rng;

/// One run of a child.
pub(crate) struct Recording {
    log: Vec<u8>,
    heard: Vec<Heard>,
}

/// A line, and how long the log was when this process heard it: whatever the line promises holds from there on.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Heard {
    pub(crate) at: usize,
    /// How many children had been killed by then.
    life: u32,
    pub(crate) line: Line,
}

/// A power cut.
pub(crate) struct Cut<'a> {
    pub(crate) seed: u64,
    /// The log's length at that moment.
    pub(crate) at: usize,
    /// What had been heard by then, in order.
    pub(crate) heard: &'a [Heard],
    /// What was heard afterwards, in order.
    pub(crate) later: &'a [Heard],
}

/// What came of the cuts of a recording.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) tried: usize,
    /// Seeds at which something was wrong, and what.
    pub(crate) failed: BTreeMap<u64, String>,
}

impl Recording {
    /// Lets a child do a job in a directory of its own and listens until it is gone. So many children before it get
    /// the same job in the same directory, one after the other, and are killed in the midst of it.
    pub(crate) fn make(kills: u32, job: impl FnOnce(PathBuf, PathBuf) -> Job) -> Self {
        if let Ok(dir) = std::env::var("EVERTHREAD_POWER_REPLAY") {
            return Self::load(Path::new(&dir));
        }
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("data");
        std::fs::create_dir(&dir).unwrap();
        let mut job = job(dir, place.path().join("log"));
        let mut heard = Vec::new();
        let mut rng = Rng::new(0);
        for life in 0..=kills {
            job.life = life;
            let kill_after = (life < kills).then(|| 4 + rng.below(16));
            listen(&job, kill_after, &mut heard);
        }
        let log = std::fs::read(&job.log).unwrap();
        let (seen, found) = (Disk::replay(&log).seen(), files(&job.dir));
        assert!(seen == found, "the log tells another story than the disk");
        Self { log, heard }
    }

    fn load(dir: &Path) -> Self {
        let heard = std::fs::read(dir.join("heard")).unwrap();
        Self {
            log: std::fs::read(dir.join("log")).unwrap(),
            heard: serde_json::from_slice(&heard).unwrap(),
        }
    }

    fn keep(&self) -> PathBuf {
        let dir = tempfile::tempdir().unwrap().keep();
        std::fs::write(dir.join("log"), &self.log).unwrap();
        let heard = serde_json::to_vec(&self.heard).unwrap();
        std::fs::write(dir.join("heard"), heard).unwrap();
        dir
    }

    /// How much there is of it, for the test's output.
    pub(crate) fn size(&self) -> String {
        let events = decode(&self.log).count();
        let megabytes = self.log.len() / 1_000_000;
        format!(
            "{events} events, {megabytes} MB, {} lines",
            self.heard.len()
        )
    }

    /// Every moment between two events, as the log's length there.
    fn moments(&self) -> Vec<usize> {
        std::iter::once(0)
            .chain(decode(&self.log).map(|(end, _)| end))
            .collect()
    }

    /// Cuts the power once for each seed and checks what is left; several at a time.
    pub(crate) fn cut(
        &self,
        seeds: &[u64],
        check: impl Fn(&Cut<'_>, &Path) -> Result<(), String> + std::marker::Sync,
    ) -> Outcome {
        let moments = self.moments();
        let mut cuts: Vec<(usize, u64)> = seeds
            .iter()
            .map(|seed| (self.moment(&moments, *seed), *seed))
            .collect();
        cuts.sort_unstable();
        let workers = std::thread::available_parallelism().map_or(2, usize::from);
        let mut failed = BTreeMap::new();
        std::thread::scope(|scope| {
            let shares: Vec<_> = (0..workers)
                .map(|worker| {
                    let share: Vec<_> =
                        cuts.iter().copied().skip(worker).step_by(workers).collect();
                    let check = &check;
                    scope.spawn(move || self.cut_share(&share, check))
                })
                .collect();
            for share in shares {
                failed.extend(share.join().unwrap());
            }
        });
        Outcome {
            tried: seeds.len(),
            failed,
        }
    }

    /// Where to cut: anywhere, or just after something was heard; where children were killed, also just after the
    /// first that the next one showed.
    fn moment(&self, moments: &[usize], seed: u64) -> usize {
        let mut rng = Rng::new(seed);
        let lives = self.heard.last().map_or(0, |heard| heard.life);
        let heard = match rng.below(4) {
            _ if self.heard.is_empty() => None,
            0 | 1 => None,
            2 if lives > 0 => {
                let life = 1 + rng.next() as u32 % lives;
                let first = self.heard.partition_point(|heard| heard.life < life);
                self.heard.get(first + rng.below(3))
            }
            _ => self.heard.get(rng.below(self.heard.len())),
        };
        match heard {
            Some(heard) => moments[moments.partition_point(|moment| *moment < heard.at)],
            None => moments[rng.below(moments.len())],
        }
    }

    /// Cuts in the order of time, so that the log is read once.
    fn cut_share(
        &self,
        cuts: &[(usize, u64)],
        check: &impl Fn(&Cut<'_>, &Path) -> Result<(), String>,
    ) -> BTreeMap<u64, String> {
        let mut failed = BTreeMap::new();
        let mut disk = Disk::new();
        let mut events = decode(&self.log).peekable();
        for (at, seed) in cuts.iter().copied() {
            while let Some((_, event)) = events.next_if(|(end, _)| *end <= at) {
                disk.apply(&event);
            }
            let place = tempfile::tempdir().unwrap();
            let mut rng = Rng::new(seed ^ 0x706F_7765_7220_6375);
            write_files(&disk.after_cut(&mut rng), place.path(), &mut rng);
            let (heard, later) = self
                .heard
                .split_at(self.heard.partition_point(|heard| heard.at <= at));
            let cut = Cut {
                seed,
                at,
                heard,
                later,
            };
            let checked = std::panic::catch_unwind(AssertUnwindSafe(|| check(&cut, place.path())));
            if let Err(wrong) = checked.unwrap_or_else(|_| Err("it panicked".to_owned())) {
                failed.insert(seed, wrong);
            }
        }
        failed
    }

    /// Cuts the power at every seed; nothing may be wrong.
    pub(crate) fn survives(
        &self,
        seeds: &[u64],
        check: impl Fn(&Cut<'_>, &Path) -> Result<(), String> + std::marker::Sync,
    ) {
        let outcome = self.cut(seeds, check);
        if let Some((seed, wrong)) = outcome.failed.first_key_value() {
            panic!(
                "{} of {} power cuts did harm. At seed {seed}: {wrong}\nThe recording is kept: try again with \
                 EVERTHREAD_POWER_SEED={seed} EVERTHREAD_POWER_REPLAY={}",
                outcome.failed.len(),
                outcome.tried,
                self.keep().display(),
            );
        }
    }
}

/// Hears what one child says, and kills it after so many lines.
fn listen(job: &Job, kill_after: Option<usize>, heard: &mut Vec<Heard>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["job::child", "--exact", "--nocapture", "--test-threads=1"])
        .env(VARIABLE, serde_json::to_string(job).unwrap())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = 0;
    for text in BufReader::new(child.stdout.take().unwrap()).lines() {
        if let Some(text) = text.unwrap().strip_prefix(MARK) {
            let at = job.log_len();
            let line = serde_json::from_str(text).unwrap();
            let life = job.life;
            heard.push(Heard { at, life, line });
            lines += 1;
            if Some(lines) == kill_after {
                child.kill().unwrap();
            }
        }
    }
    let ended = child.wait().unwrap();
    assert!(ended.success() || kill_after.is_some(), "the child failed");
}

/// The seeds to try: so many, or ten times as many in the long form, or the one that was asked for.
pub(crate) fn seeds(count: u64) -> Vec<u64> {
    if let Ok(seed) = std::env::var("EVERTHREAD_POWER_SEED") {
        return vec![seed.parse().unwrap()];
    }
    (0..if is_long() { count * 10 } else { count }).collect()
}

/// Whether the long form was asked for.
pub(crate) fn is_long() -> bool {
    std::env::var("EVERTHREAD_LONG").is_ok_and(|long| long == "1")
}
