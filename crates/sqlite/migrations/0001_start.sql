-- Format 1. Users and threads are numbers behind their names; every table leads with the owner. Values are JSON
-- text, ids are UUIDs as 16 bytes (hex(id) shows them), times are milliseconds since 1970-01-01 UTC.

CREATE TABLE users (
  user        INTEGER PRIMARY KEY,
  id          TEXT    NOT NULL UNIQUE,
  name        TEXT,
  preferences TEXT,
  created_ms  INTEGER NOT NULL,
  active_ms   INTEGER NOT NULL,
  -- The highest number that a thread of theirs ever had.
  threads     INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE threads (
  user       INTEGER NOT NULL REFERENCES users,
  thread     INTEGER NOT NULL,
  id         TEXT    NOT NULL,
  title      TEXT,
  pinned     INTEGER NOT NULL DEFAULT 0,
  archived   INTEGER NOT NULL DEFAULT 0,
  metadata   TEXT,
  created_ms INTEGER NOT NULL,
  updated_ms INTEGER NOT NULL,
  -- The highest numbers given so far.
  fence      INTEGER NOT NULL DEFAULT 0,
  seq        INTEGER NOT NULL DEFAULT 0,
  change     INTEGER NOT NULL DEFAULT 0,
  run        INTEGER NOT NULL DEFAULT 0,
  branch     INTEGER NOT NULL DEFAULT 0,
  -- Counts for lists of threads: messages in the head's transcript, runs that came to rest.
  messages   INTEGER NOT NULL DEFAULT 0,
  turns      INTEGER NOT NULL DEFAULT 0,
  -- Checkpoints up to this one may have been pruned.
  pruned     BLOB,
  PRIMARY KEY (user, thread),
  UNIQUE (user, id)
) STRICT, WITHOUT ROWID;

-- A line of the history of a thread's own graph, and where it left its parent.
CREATE TABLE branches (
  user       INTEGER NOT NULL,
  thread     INTEGER NOT NULL,
  branch     INTEGER NOT NULL,
  parent     INTEGER,
  forked_at  BLOB,
  created_ms INTEGER NOT NULL,
  PRIMARY KEY (user, thread, branch),
  FOREIGN KEY (user, thread) REFERENCES threads
) STRICT, WITHOUT ROWID;

-- The head of each namespace; `last` is the highest checkpoint that it ever had.
CREATE TABLE heads (
  user       INTEGER NOT NULL,
  thread     INTEGER NOT NULL,
  ns         TEXT    NOT NULL,
  checkpoint BLOB,
  last       BLOB    NOT NULL,
  branch     INTEGER NOT NULL,
  PRIMARY KEY (user, thread, ns),
  FOREIGN KEY (user, thread) REFERENCES threads
) STRICT, WITHOUT ROWID;

-- `queue` is 0 for the active run of a thread, the run's own number while it waits, and NULL once it has ended, so
-- that the index below admits one active run at most and gives the queue in order.
CREATE TABLE runs (
  user       INTEGER NOT NULL,
  thread     INTEGER NOT NULL,
  run        INTEGER NOT NULL,
  id         BLOB    NOT NULL,
  graph      TEXT    NOT NULL,
  status     TEXT    NOT NULL,
  queue      INTEGER,
  fence      INTEGER,
  -- Whose process holds it, by the name of its lock file.
  owner      TEXT,
  base       BLOB,
  input      TEXT,
  created_ms INTEGER NOT NULL,
  ended_ms   INTEGER,
  error      TEXT,
  PRIMARY KEY (user, thread, run),
  FOREIGN KEY (user, thread) REFERENCES threads
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX runs_live ON runs (user, thread, queue) WHERE queue IS NOT NULL;

-- `at_ms` is NULL when it is the time inside the id. `channels` names for each channel the change that last set it.
CREATE TABLE checkpoints (
  user     INTEGER NOT NULL,
  thread   INTEGER NOT NULL,
  id       BLOB    NOT NULL,
  ns       TEXT    NOT NULL,
  parent   BLOB,
  branch   INTEGER NOT NULL,
  run      INTEGER,
  source   TEXT    NOT NULL,
  step     INTEGER NOT NULL,
  at_ms    INTEGER,
  channels TEXT    NOT NULL,
  plan     TEXT    NOT NULL,
  metadata TEXT,
  PRIMARY KEY (user, thread, id),
  FOREIGN KEY (user, thread) REFERENCES threads
) STRICT, WITHOUT ROWID;

-- What a step did to a channel. `list` is 1 for a list: its body then says which elements, by their seq.
CREATE TABLE channel_changes (
  user    INTEGER NOT NULL,
  thread  INTEGER NOT NULL,
  change  INTEGER NOT NULL,
  list    INTEGER NOT NULL,
  body    TEXT    NOT NULL,
  PRIMARY KEY (user, thread, change),
  FOREIGN KEY (user, thread) REFERENCES threads
) STRICT, WITHOUT ROWID;

CREATE TABLE pending_writes (
  user       INTEGER NOT NULL,
  thread     INTEGER NOT NULL,
  checkpoint BLOB    NOT NULL,
  task       BLOB    NOT NULL,
  slot       TEXT    NOT NULL,
  body       TEXT    NOT NULL,
  PRIMARY KEY (user, thread, checkpoint, task, slot),
  FOREIGN KEY (user, thread) REFERENCES threads
) STRICT, WITHOUT ROWID;

-- List channels by number; number 1 is the conversation: `messages` of a thread's own graph.
CREATE TABLE channels (
  channel INTEGER PRIMARY KEY,
  name    TEXT    NOT NULL,
  root    INTEGER NOT NULL,
  UNIQUE (name, root)
) STRICT;
INSERT INTO channels (channel, name, root) VALUES (1, 'messages', 1);

-- The elements of list channels, each once. `n` ascends over the whole file: derived work follows it.
CREATE TABLE messages (
  n       INTEGER PRIMARY KEY,
  user    INTEGER NOT NULL,
  thread  INTEGER NOT NULL,
  seq     INTEGER NOT NULL,
  channel INTEGER NOT NULL,
  branch  INTEGER NOT NULL,
  run     INTEGER,
  at_ms   INTEGER NOT NULL,
  -- A UUID as 16 bytes, any other id as text.
  id      ANY,
  body    TEXT    NOT NULL,
  FOREIGN KEY (user, thread) REFERENCES threads
) STRICT;
CREATE UNIQUE INDEX messages_seq ON messages (user, thread, seq);

-- Long-term memory; the parts of a namespace are joined by dots.
CREATE TABLE items (
  user       INTEGER NOT NULL REFERENCES users,
  namespace  TEXT    NOT NULL,
  key        TEXT    NOT NULL,
  value      TEXT    NOT NULL,
  created_ms INTEGER NOT NULL,
  updated_ms INTEGER NOT NULL,
  PRIMARY KEY (user, namespace, key)
) STRICT, WITHOUT ROWID;

-- Up to which message (`messages.n`) derived work has come.
CREATE TABLE derived (
  name TEXT    PRIMARY KEY,
  upto INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO derived (name, upto) VALUES ('search', 0);

-- The words of each message, already folded, after a word of private-use characters that stands for its owner.
CREATE VIRTUAL TABLE search USING fts5 (
  words, content = '', contentless_delete = 1, detail = none, tokenize = 'ascii'
);
