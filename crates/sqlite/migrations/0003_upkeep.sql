-- Format 3: what statistics tell without reading everything. All of it is derived.

-- Rows of small kinds, counted as they come and go; `messages`, those of conversations up to number `upto`; and when
-- `measured` was measured, and with how many messages then.
CREATE TABLE totals (
  name TEXT    PRIMARY KEY,
  n    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO totals (name, n) VALUES
  ('users', (SELECT count(*) FROM users)),
  ('threads', (SELECT count(*) FROM threads)),
  ('items', (SELECT count(*) FROM items)),
  ('messages', 0),
  ('upto', 0);
CREATE TRIGGER users_come AFTER INSERT ON users BEGIN
  UPDATE totals SET n = n + 1 WHERE name = 'users';
END;
CREATE TRIGGER users_go AFTER DELETE ON users BEGIN
  UPDATE totals SET n = n - 1 WHERE name = 'users';
END;
CREATE TRIGGER threads_come AFTER INSERT ON threads BEGIN
  UPDATE totals SET n = n + 1 WHERE name = 'threads';
END;
CREATE TRIGGER threads_go AFTER DELETE ON threads BEGIN
  UPDATE totals SET n = n - 1 WHERE name = 'threads';
END;
CREATE TRIGGER items_come AFTER INSERT ON items BEGIN
  UPDATE totals SET n = n + 1 WHERE name = 'items';
END;
CREATE TRIGGER items_go AFTER DELETE ON items BEGIN
  UPDATE totals SET n = n - 1 WHERE name = 'items';
END;

-- What happened in each hour since 1970-01-01 UTC: messages that were said, bytes that whole states would have taken
-- besides, users of whom nothing later is known, and bytes in use at its end.
CREATE TABLE hours (
  hour        INTEGER PRIMARY KEY,
  messages    INTEGER NOT NULL DEFAULT 0,
  saved_bytes INTEGER NOT NULL DEFAULT 0,
  users       INTEGER NOT NULL DEFAULT 0,
  live_bytes  INTEGER
) STRICT;

-- For each user the hour in `hours` that counts them, and their messages up to number `upto`.
CREATE TABLE usage (
  user     INTEGER PRIMARY KEY,
  hour     INTEGER NOT NULL,
  messages INTEGER NOT NULL
) STRICT;
CREATE INDEX usage_messages ON usage (messages);

-- Threads with many messages.
CREATE TABLE largest (
  user     INTEGER NOT NULL,
  thread   INTEGER NOT NULL,
  messages INTEGER NOT NULL,
  PRIMARY KEY (user, thread)
) STRICT, WITHOUT ROWID;

-- How many rows and bytes a kind had when it was last looked at.
CREATE TABLE measured (
  kind  TEXT    PRIMARY KEY,
  rows  INTEGER NOT NULL,
  bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
