//! Many rows, some at a time.

use tokio_postgres::Row;

use crate::conn::Conn;
use crate::error::Sql;
use crate::param::Params;

/// Rows that are in memory at once.
const AT_ONCE: usize = 256;

/// Hands each row of a selection from a table to a function. The connection is inside a transaction.
pub(super) async fn each(
    conn: &Conn,
    table: &str,
    select: &str,
    params: Params<'_>,
    mut take: impl FnMut(&Row) -> Sql<()>,
) -> Sql<()> {
    // A statement that is kept ready knows its columns: each selection has a cursor of its own.
    let cursor = format!("checked_{table}");
    conn.execute(
        format!("DECLARE {cursor} NO SCROLL CURSOR FOR {select}"),
        params,
    )
    .await?;
    loop {
        let rows = conn
            .query(format!("FETCH {AT_ONCE} FROM {cursor}"), &[])
            .await?;
        for row in &rows {
            take(row)?;
        }
        if rows.len() < AT_ONCE {
            break;
        }
    }
    conn.execute(format!("CLOSE {cursor}"), &[]).await?;
    Ok(())
}
