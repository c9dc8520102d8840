//! Reading all rows of a scope, in their order.

use everthread_graph::contract::{StoreErrorKind, ThreadId, ThreadKey, UserId};
use everthread_store::portable::{BATCH_BYTES, BATCH_ROWS, ItemRow, Row, Scope, UserRow};
use everthread_store::{Record, Session};
use tokio::sync::mpsc;
use tokio_postgres::Row as Found;

use super::rows;
use crate::conn::Conn;
use crate::error::{Fault, Sql, damaged, fault};
use crate::param::{Columns, Text};
use crate::sql::cursor::Cursor;
use crate::sql::place::{self, Place};
use crate::sql::thread;

/// Takes rows as they are read, and hands them on in batches.
pub(crate) struct Out {
    rows: Vec<Row>,
    bytes: usize,
    sender: mpsc::Sender<Vec<Row>>,
}

impl Out {
    /// Hands batches on through this.
    pub(crate) fn new(sender: mpsc::Sender<Vec<Row>>) -> Self {
        Self {
            rows: Vec::new(),
            bytes: 0,
            sender,
        }
    }

    pub(super) fn push(&mut self, row: Row) {
        self.bytes += row.size_bytes();
        self.rows.push(row);
    }

    /// Hands a batch on where it is large enough.
    pub(super) async fn breathe(&mut self) -> Sql<()> {
        if self.bytes >= BATCH_BYTES || self.rows.len() >= BATCH_ROWS {
            return self.flush().await;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Sql<()> {
        self.bytes = 0;
        let mut rows = std::mem::take(&mut self.rows);
        while !rows.is_empty() {
            let rest = rows.split_off(rows.len().min(BATCH_ROWS));
            let gone = |_| fault(StoreErrorKind::Unavailable, "nobody reads on");
            self.sender.send(rows).await.map_err(gone)?;
            rows = rest;
        }
        Ok(())
    }
}

/// Reads the rows of a scope.
pub(crate) async fn read(conn: &Conn, scope: &Scope, out: &mut Out) -> Sql<()> {
    // Whoever takes the rows may be slow; the connection is not to be taken for a forgotten one.
    conn.execute("SET LOCAL idle_in_transaction_session_timeout = '1h'", &[])
        .await?;
    match scope {
        Scope::Whole => {
            records(conn, out).await?;
            let mut users = Cursor::open(conn, ALL_USERS, &[]).await?;
            while let Some(some) = users.next().await? {
                for row in &some {
                    user(conn, row, out).await?;
                }
            }
        }
        Scope::User(id) => {
            let row = conn.row(ONE_USER, &[&Text::of(id.as_str())]).await?;
            user(conn, &row.ok_or_else(|| missing(id))?, out).await?;
        }
        Scope::Thread(key) => {
            let place = place::thread(conn, key).await?;
            let place = place.ok_or_else(|| thread::missing(key))?;
            rows::read(conn, &place, key, out).await?;
        }
    }
    out.flush().await
}

fn missing(id: &UserId) -> Fault {
    fault(StoreErrorKind::NotFound, format!("user {id} is not there"))
}

const ALL_USERS: &str = "SELECT user_id, name, preferences, created_ms, active_ms, held FROM our.users ORDER BY user_id";
const ONE_USER: &str = "SELECT user_id, name, preferences, created_ms, active_ms, held FROM our.users WHERE user_id = $1";

async fn records(conn: &Conn, out: &mut Out) -> Sql<()> {
    let select =
        "SELECT kind, id, version, body, created_ms, updated_ms FROM our.records ORDER BY kind, id";
    let mut cursor = Cursor::open(conn, select, &[]).await?;
    while let Some(some) = cursor.next().await? {
        for row in &some {
            out.push(Row::Record(Record {
                kind: row.text(0)?,
                id: row.text(1)?,
                version: row.count(2)?,
                body: row.json(3)?,
                created_ms: row.at(4)?,
                updated_ms: row.at(5)?,
            }));
        }
        out.breathe().await?;
    }
    Ok(())
}

/// A user with everything of theirs.
async fn user(conn: &Conn, row: &Found, out: &mut Out) -> Sql<()> {
    let id = UserId::new(row.text(0)?).map_err(|_| damaged("a user has an id that is none"))?;
    out.push(Row::User(UserRow {
        id: id.clone(),
        name: row.text_or_none(1)?,
        preferences: row.json_or_none(2)?,
        created_ms: row.at(3)?,
        active_ms: row.at(4)?,
        held: row.at(5)?,
    }));
    sessions(conn, &id, out).await?;
    items(conn, &id, out).await?;
    threads(conn, &id, out).await
}

async fn sessions(conn: &Conn, user: &UserId, out: &mut Out) -> Sql<()> {
    let select = "SELECT id, client, thread, started_ms, last_ms, turns FROM our.sessions WHERE user_id = $1 ORDER BY id";
    let user = Text::of(user.as_str());
    let mut cursor = Cursor::open(conn, select, &[&user]).await?;
    while let Some(some) = cursor.next().await? {
        for row in &some {
            let thread = row.text_or_none(2)?.map(ThreadId::new).transpose();
            out.push(Row::Session(Session {
                id: row.text(0)?,
                client: row.text(1)?,
                thread: thread
                    .map_err(|_| damaged("a session names a thread by an id that is none"))?,
                started_ms: row.at(3)?,
                last_ms: row.at(4)?,
                turns: row.count(5)?,
            }));
        }
        out.breathe().await?;
    }
    Ok(())
}

async fn items(conn: &Conn, user: &UserId, out: &mut Out) -> Sql<()> {
    let select =
        "SELECT namespace, key, value, created_ms, updated_ms, expires_ms, ttl_ms FROM our.items
        WHERE user_id = $1 ORDER BY namespace, key";
    let user = Text::of(user.as_str());
    let mut cursor = Cursor::open(conn, select, &[&user]).await?;
    while let Some(some) = cursor.next().await? {
        for row in &some {
            out.push(Row::Item(ItemRow {
                namespace: row.text(0)?.split('.').map(str::to_owned).collect(),
                key: row.text(1)?,
                value: row.json(2)?,
                created_ms: row.at(3)?,
                updated_ms: row.at(4)?,
                expires_ms: row.at(5)?,
                ttl_ms: row.at(6)?,
            }));
        }
        out.breathe().await?;
    }
    Ok(())
}

async fn threads(conn: &Conn, id: &UserId, out: &mut Out) -> Sql<()> {
    let select = "SELECT thread, id FROM our.threads WHERE user_id = $1 ORDER BY id";
    let user = Text::of(id.as_str());
    let mut cursor = Cursor::open(conn, select, &[&user]).await?;
    while let Some(some) = cursor.next().await? {
        for row in &some {
            let place = Place {
                user: id.clone(),
                thread: row.at(0)?,
            };
            let key = ThreadKey {
                user: id.clone(),
                thread: ThreadId::new(row.text(1)?)
                    .map_err(|_| damaged("a thread has an id that is none"))?,
            };
            rows::read(conn, &place, &key, out).await?;
        }
    }
    Ok(())
}
