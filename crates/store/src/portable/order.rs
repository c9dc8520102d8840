//! Whether rows come as they should: what every store asks of rows before it writes them.

use std::cmp::Ordering;

use everthread_graph::contract::{StoreError, StoreErrorKind};

use super::{Kind, Part, Row};

/// Looks at the rows of a part, one after the other.
#[derive(Debug, Clone)]
pub struct Order {
    part: Part,
    last: Option<Row>,
}

impl Order {
    /// Before the first row.
    #[must_use]
    pub fn of(part: Part) -> Self {
        Self { part, last: None }
    }

    /// Looks at the next row.
    ///
    /// # Errors
    /// `Invalid` when it belongs to another part, comes too early or too late, or is there twice.
    pub fn next(&mut self, row: &Row) -> Result<(), StoreError> {
        let stands = match &self.last {
            None => self.begins(row),
            Some(last) => self.belongs(row.kind()) && order(last, row) == Ordering::Less,
        };
        if !stands {
            return Err(self.refused(row.kind()));
        }
        self.last = Some(row.clone());
        Ok(())
    }

    /// After the last row.
    ///
    /// # Errors
    /// `Invalid` when the user or the thread itself did not come.
    pub fn end(&self) -> Result<(), StoreError> {
        if self.last.is_some() || self.part == Part::Records {
            return Ok(());
        }
        Err(StoreError::new(
            StoreErrorKind::Invalid,
            format!("no row of {} came", self.shown()),
        ))
    }

    fn begins(&self, row: &Row) -> bool {
        match (&self.part, row) {
            (Part::Records, Row::Record(_)) => true,
            (Part::User(user), Row::User(row)) => row.id == *user,
            (Part::Thread(key), Row::Thread(row)) => row.key == *key,
            _ => false,
        }
    }

    fn belongs(&self, kind: Kind) -> bool {
        match &self.part {
            Part::Records => kind == Kind::Record,
            Part::User(_) => matches!(kind, Kind::Session | Kind::Item),
            Part::Thread(_) => kind > Kind::Thread,
        }
    }

    fn shown(&self) -> String {
        match &self.part {
            Part::Records => "the deployment's documents".to_owned(),
            Part::User(user) => format!("user {user}"),
            Part::Thread(key) => key.to_string(),
        }
    }

    fn refused(&self, kind: Kind) -> StoreError {
        StoreError::new(
            StoreErrorKind::Invalid,
            format!(
                "the {} of {} are out of order, or one is there twice: nothing of it was written",
                kind.plural(),
                self.shown()
            ),
        )
    }
}

/// Which of two rows of one part comes first.
fn order(a: &Row, b: &Row) -> Ordering {
    match (a, b) {
        (Row::Record(a), Row::Record(b)) => (&a.kind, &a.id).cmp(&(&b.kind, &b.id)),
        (Row::Session(a), Row::Session(b)) => a.id.cmp(&b.id),
        (Row::Item(a), Row::Item(b)) => {
            // As the joined text lies in a store.
            (a.namespace.join("."), &a.key).cmp(&(b.namespace.join("."), &b.key))
        }
        (Row::Branch(a), Row::Branch(b)) => a.branch.cmp(&b.branch),
        (Row::Head(a), Row::Head(b)) => a.ns.cmp(&b.ns),
        (Row::Run(a), Row::Run(b)) => a.run.cmp(&b.run),
        (Row::Checkpoint(a), Row::Checkpoint(b)) => a.id.cmp(&b.id),
        (Row::Change(a), Row::Change(b)) => a.change.cmp(&b.change),
        (Row::Pending(a), Row::Pending(b)) => {
            // Slots in the order of their names.
            (a.checkpoint, a.task, a.slot.as_str()).cmp(&(b.checkpoint, b.task, b.slot.as_str()))
        }
        (Row::Message(a), Row::Message(b)) => a.seq.cmp(&b.seq),
        (Row::Event(a), Row::Event(b)) => (a.run, a.seq).cmp(&(b.run, b.seq)),
        (a, b) => a.kind().cmp(&b.kind()),
    }
}
