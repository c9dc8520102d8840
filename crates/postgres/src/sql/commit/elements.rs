//! Lists: their elements, once each, and the change that says which of them the list holds.

use everthread_graph::contract::{Element, ListDelta, Namespace};
use everthread_store::ListState;

use crate::conn::Statement;
use crate::error::{Sql, damaged};
use crate::param::{Text, element_columns, number};
use crate::sql::desk::Desk;

/// Who writes elements, and where.
pub(super) struct By<'a> {
    pub(super) ns: &'a Namespace,
    pub(super) branch: i64,
    pub(super) run: Option<i64>,
    pub(super) at_ms: i64,
}

/// Writes a delta's elements and the list that results; gives the number of the change.
pub(super) async fn apply(
    desk: &mut Desk<'_>,
    by: &By<'_>,
    channel: &str,
    before: Option<u64>,
    delta: &ListDelta,
) -> Sql<u64> {
    let before = match before {
        Some(n) => desk.list(n).await?.map(|list| (n, list)),
        None => None,
    };
    let empty = ListState::default();
    let list = before.as_ref().map_or(&empty, |(_, list)| &*list.state);
    let edit = list.edit(delta, desk.state.counters.seq + 1)?;
    write(desk, by, channel, &delta.elements)?;
    desk.write_list(before.as_ref().map(|(n, list)| (*n, list)), &edit)
}

fn write(desk: &mut Desk<'_>, by: &By<'_>, channel: &str, elements: &[Element]) -> Sql<()> {
    if elements.is_empty() {
        return Ok(());
    }
    let channel = desk
        .env
        .channels
        .number(channel, by.ns.is_root())
        .ok_or_else(|| damaged("a list channel has no number"))?;
    let place = desk.place();
    for element in elements {
        desk.state.counters.seq += 1;
        let (uuid, id) = element_columns(element.id.as_deref());
        desk.write(
            Statement::new(
                "INSERT INTO our.messages (user_id, thread, seq, channel, branch, run, at_ms, uuid, id, body)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            )
            .with(place.owned_user())
            .with(place.thread)
            .with(number(desk.state.counters.seq))
            .with(channel)
            .with(by.branch)
            .with(by.run)
            .with(by.at_ms)
            .with(uuid)
            .with(id)
            .with(Text::json(&element.body)),
        );
    }
    Ok(())
}
