//! Many rows, some at a time.

use std::hash::{DefaultHasher, Hash, Hasher};

use tokio_postgres::Row;

use crate::conn::Conn;
use crate::error::Sql;
use crate::param::Params;

/// Rows that are in memory at once.
const AT_ONCE: usize = 64;

/// A selection that is read some rows at a time. The connection is inside a transaction.
pub(crate) struct Cursor<'a> {
    conn: &'a Conn,
    name: String,
    ended: bool,
}

impl<'a> Cursor<'a> {
    /// Begins to read a selection.
    pub(crate) async fn open(conn: &'a Conn, select: &str, params: Params<'_>) -> Sql<Self> {
        // Statements that are kept ready know their columns: each selection has a name of its own.
        let mut hasher = DefaultHasher::new();
        select.hash(&mut hasher);
        let name = format!("reading_{:016x}", hasher.finish());
        conn.execute(
            format!("DECLARE {name} NO SCROLL CURSOR FOR {select}"),
            params,
        )
        .await?;
        Ok(Self {
            conn,
            name,
            ended: false,
        })
    }

    /// The next rows; `None` at the end, where the cursor is closed.
    pub(crate) async fn next(&mut self) -> Sql<Option<Vec<Row>>> {
        if self.ended {
            self.conn
                .execute(format!("CLOSE {}", self.name), &[])
                .await?;
            return Ok(None);
        }
        let rows = self
            .conn
            .query(format!("FETCH {AT_ONCE} FROM {}", self.name), &[])
            .await?;
        self.ended = rows.len() < AT_ONCE;
        Ok(Some(rows))
    }
}

/// Hands each row of a selection to a function.
pub(crate) async fn each(
    conn: &Conn,
    select: &str,
    params: Params<'_>,
    mut take: impl FnMut(&Row) -> Sql<()>,
) -> Sql<()> {
    let mut cursor = Cursor::open(conn, select, params).await?;
    while let Some(rows) = cursor.next().await? {
        for row in &rows {
            take(row)?;
        }
    }
    Ok(())
}
