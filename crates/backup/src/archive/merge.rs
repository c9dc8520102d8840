//! From entries by kind back to parts: each entry is in the order of users and threads, so all are read side by side.

use std::collections::BTreeMap;

use everthread_graph::contract::{ThreadKey, UserId};
use everthread_store::portable::{Kind, Part, Row};

use super::directory::Unpacked;
use super::manifest::Manifest;
use crate::error::BackupError;
use crate::line::Lines;
use crate::part_stream::Sender;
use crate::wire;

/// The entries, each at its next row.
pub(super) struct Merge {
    kinds: BTreeMap<Kind, Reading>,
}

struct Reading {
    kind: Kind,
    lines: Lines<Unpacked>,
    next: Option<(Part, Row)>,
    /// Rows that are still to come.
    left: u64,
}

impl Reading {
    fn advance(&mut self) -> Result<Option<(Part, Row)>, BackupError> {
        let line = self.lines.next()?;
        let next = line.map(|line| wire::read(self.kind, line)).transpose()?;
        match (&next, self.left.checked_sub(1)) {
            (Some(_), Some(left)) => self.left = left,
            (None, None) => {}
            _ => {
                let what = format!("it does not have as many {} as it says", self.kind.plural());
                return Err(BackupError::damaged(what));
            }
        }
        Ok(std::mem::replace(&mut self.next, next))
    }

    /// The next row if it belongs to this part.
    fn of(&mut self, part: &Part) -> Result<Option<Row>, BackupError> {
        match &self.next {
            Some((next, _)) if next == part => Ok(self.advance()?.map(|(_, row)| row)),
            _ => Ok(None),
        }
    }
}

impl Merge {
    /// At the first row of each entry.
    pub(super) fn new(
        manifest: &Manifest,
        lines: Vec<(Kind, Lines<Unpacked>)>,
    ) -> Result<Self, BackupError> {
        let mut kinds = BTreeMap::new();
        for (kind, lines) in lines {
            let mut reading = Reading {
                kind,
                lines,
                next: None,
                left: manifest.entries.get(&kind).map_or(0, |entry| entry.rows),
            };
            reading.advance()?;
            kinds.insert(kind, reading);
        }
        Ok(Self { kinds })
    }

    /// Hands on all parts.
    pub(super) fn send(mut self, sender: &mut Sender) -> Result<(), BackupError> {
        if self.at(Kind::Record).is_some() {
            self.part(&Part::Records, &[Kind::Record], sender)?;
        }
        loop {
            let user = match self.at(Kind::User) {
                Some(Part::User(user)) => Some(user.clone()),
                _ => None,
            };
            let thread = match self.at(Kind::Thread) {
                Some(Part::Thread(key)) => Some(key.clone()),
                _ => None,
            };
            match (user, thread) {
                (None, None) => break,
                (Some(user), thread) if thread.as_ref().is_none_or(|key| user <= key.user) => {
                    self.user(user, sender)?;
                }
                // A thread without the profile of its user: all of an archive of one thread.
                (_, Some(key)) => self.thread(key, sender)?,
                (Some(user), None) => self.user(user, sender)?,
            }
        }
        // What is left belongs to nobody, or came out of order.
        match self.kinds.values().find(|reading| reading.next.is_some()) {
            Some(reading) => Err(BackupError::damaged(format!(
                "one of the {} belongs to nobody",
                reading.kind.plural()
            ))),
            None => Ok(()),
        }
    }

    fn at(&self, kind: Kind) -> Option<&Part> {
        let reading = self.kinds.get(&kind)?;
        reading.next.as_ref().map(|(part, _)| part)
    }

    fn user(&mut self, user: UserId, sender: &mut Sender) -> Result<(), BackupError> {
        let kinds = [Kind::User, Kind::Session, Kind::Item];
        self.part(&Part::User(user), &kinds, sender)
    }

    fn thread(&mut self, key: ThreadKey, sender: &mut Sender) -> Result<(), BackupError> {
        let kinds = Kind::ALL.into_iter().filter(|kind| *kind >= Kind::Thread);
        self.part(&Part::Thread(key), &kinds.collect::<Vec<_>>(), sender)
    }

    fn part(
        &mut self,
        part: &Part,
        kinds: &[Kind],
        sender: &mut Sender,
    ) -> Result<(), BackupError> {
        sender.begin(part.clone())?;
        for kind in kinds {
            let Some(reading) = self.kinds.get_mut(kind) else {
                continue;
            };
            while let Some(row) = reading.of(part)? {
                sender.row(row)?;
            }
        }
        sender.end()
    }
}
