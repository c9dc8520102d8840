//! Many rows, some at a time.

use tokio_postgres::Row;

use crate::conn::Conn;
use crate::error::Sql;
use crate::param::Params;

/// Rows that are in memory at once.
const AT_ONCE: usize = 256;

/// Hands each row of a selection to a function. The connection is inside a transaction.
pub(super) async fn each(
    conn: &Conn,
    select: &str,
    params: Params<'_>,
    mut take: impl FnMut(&Row) -> Sql<()>,
) -> Sql<()> {
    conn.execute(
        format!("DECLARE checked NO SCROLL CURSOR FOR {select}"),
        params,
    )
    .await?;
    loop {
        let rows = conn
            .query(format!("FETCH {AT_ONCE} FROM checked"), &[])
            .await?;
        for row in &rows {
            take(row)?;
        }
        if rows.len() < AT_ONCE {
            break;
        }
    }
    conn.execute("CLOSE checked", &[]).await?;
    Ok(())
}
