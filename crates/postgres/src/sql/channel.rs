//! List channels by number.

use crate::conn::Conn;
use crate::error::{Sql, damaged};
use crate::param::{Columns, Text};

/// How often another number is tried for a channel whose number was taken.
const TRIES: usize = 8;

/// The number of a list channel, which is given one when it is new.
pub(crate) async fn number(conn: &Conn, name: &str, root: bool) -> Sql<i64> {
    let name = Text::of(name);
    for _ in 0..TRIES {
        let row = conn
            .row(
                "SELECT channel FROM our.channels WHERE name = $1 AND root = $2",
                &[&name, &root],
            )
            .await?;
        if let Some(row) = row {
            return row.at(0);
        }
        conn.execute(
            "INSERT INTO our.channels (channel, name, root)
             SELECT max(channel) + 1, $1, $2 FROM our.channels ON CONFLICT DO NOTHING",
            &[&name, &root],
        )
        .await?;
    }
    Err(damaged("a list channel finds no free number"))
}
