//! Changes of channels: their rows, and the map of a checkpoint that names for each channel the change that last set
//! it.

use std::collections::{BTreeMap, HashMap};

use everthread_store::{ListDamage, StoredList};

use crate::conn::{Conn, Statement};
use crate::error::{Sql, damaged};
use crate::param::{Columns, Text, number};
use crate::sql::place::Place;

/// For each channel that has a value, the change that last set it.
pub(crate) type ChannelMap = BTreeMap<String, u64>;

/// Reads a checkpoint's map.
pub(crate) fn parse_map(text: &str) -> Sql<ChannelMap> {
    serde_json::from_str(text).map_err(|_| damaged("a checkpoint names its channels wrongly"))
}

/// The map as it lies at rest.
pub(crate) fn map_text(map: &ChannelMap) -> Text<'static> {
    Text::owned(serde_json::to_string(map).expect("names and numbers always have a JSON form"))
}

/// What writes a change. A list that is written as edits of another names the change that left that one.
pub(crate) fn write(place: &Place, n: u64, list: bool, base: Option<u64>, body: &str) -> Statement {
    Statement::new(
        "INSERT INTO our.channel_changes (user_id, thread, change, list, base, body) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .with(place.owned_user())
    .with(place.thread)
    .with(number(n))
    .with(list)
    .with(base.map(number))
    .with(Text::owned(body))
}

/// Changes by their numbers, and all that lists among them are built on.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    rows: HashMap<u64, (bool, String)>,
}

impl Changes {
    /// Reads these and what they are built on.
    pub(crate) async fn read(conn: &Conn, place: &Place, numbers: &[u64]) -> Sql<Self> {
        if numbers.is_empty() {
            return Ok(Self::default());
        }
        let wanted: Vec<i64> = numbers.iter().copied().map(number).collect();
        let rows = conn
            .query(
                "WITH RECURSIVE built AS (
                   SELECT change, list, base, body FROM our.channel_changes
                   WHERE user_id = $1 AND thread = $2 AND change = ANY($3)
                   UNION
                   SELECT c.change, c.list, c.base, c.body FROM built b
                     JOIN our.channel_changes c ON c.user_id = $1 AND c.thread = $2 AND c.change = b.base)
                 SELECT change, list, body FROM built",
                &[&place.user(), &place.thread, &wanted],
            )
            .await?;
        let mut changes = Self::default();
        for row in &rows {
            changes
                .rows
                .insert(row.count(0)?, (row.at(1)?, row.text(2)?));
        }
        Ok(changes)
    }

    /// A change: whether it is a list's, and its body.
    pub(crate) fn get(&self, n: u64) -> Sql<(bool, &str)> {
        match self.rows.get(&n) {
            Some((list, body)) => Ok((*list, body)),
            None => Err(damaged("a checkpoint names a change that is not there")),
        }
    }

    /// The list that a change left.
    pub(crate) fn list(&self, n: u64) -> Sql<StoredList> {
        let list = StoredList::read(n, |n| match self.rows.get(&n) {
            Some((true, body)) => Ok(body.clone()),
            _ => Err(ListDamage { change: n }),
        });
        Ok(list?)
    }
}
