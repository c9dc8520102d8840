-- Format 2: what a server of many users keeps. Columns are added at the end of rows that the first format has.

-- Whether nothing of theirs may be erased.
ALTER TABLE users ADD COLUMN held INTEGER NOT NULL DEFAULT 0;

-- When it may be removed.
ALTER TABLE threads ADD COLUMN expires_ms INTEGER;
CREATE INDEX threads_end ON threads (expires_ms) WHERE expires_ms IS NOT NULL;

-- `policy` is NULL for `enqueue`; `starts_ms` when it was to begin at once.
ALTER TABLE runs ADD COLUMN policy TEXT;
ALTER TABLE runs ADD COLUMN starts_ms INTEGER;
ALTER TABLE runs ADD COLUMN details TEXT;

-- What runs told, a batch in a row: from number `seq` to `last`, each event as its number, a space and its JSON text,
-- parted by the character 30, which JSON text cannot hold. `run` is the run's id.
CREATE TABLE run_events (
  user   INTEGER NOT NULL,
  thread INTEGER NOT NULL,
  run    BLOB    NOT NULL,
  seq    INTEGER NOT NULL,
  last   INTEGER NOT NULL,
  count  INTEGER NOT NULL,
  at_ms  INTEGER NOT NULL,
  body   TEXT    NOT NULL,
  PRIMARY KEY (user, thread, run, seq),
  FOREIGN KEY (user, thread) REFERENCES threads
) STRICT, WITHOUT ROWID;
CREATE INDEX run_events_age ON run_events (at_ms);

-- When an item ends, and how long it was given.
ALTER TABLE items ADD COLUMN expires_ms INTEGER;
ALTER TABLE items ADD COLUMN ttl_ms INTEGER;
CREATE INDEX items_end ON items (expires_ms) WHERE expires_ms IS NOT NULL;

-- `thread` is the thread's id.
CREATE TABLE sessions (
  user       INTEGER NOT NULL REFERENCES users,
  id         TEXT    NOT NULL,
  client     TEXT    NOT NULL,
  thread     TEXT,
  started_ms INTEGER NOT NULL,
  last_ms    INTEGER NOT NULL,
  turns      INTEGER NOT NULL,
  PRIMARY KEY (user, id)
) STRICT, WITHOUT ROWID;

-- Documents of the whole deployment.
CREATE TABLE records (
  kind       TEXT    NOT NULL,
  id         TEXT    NOT NULL,
  version    INTEGER NOT NULL,
  body       TEXT    NOT NULL,
  created_ms INTEGER NOT NULL,
  updated_ms INTEGER NOT NULL,
  PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
