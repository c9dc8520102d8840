-- Format 1. Every table of users' rows leads with the user, in its keys too, so that one user's rows lie together and a
-- distributed engine can place them by `user_id`. Ids, numbers and times come from the application. Values are JSON
-- text: what people may write into them, the binary form of JSON cannot hold. Times are milliseconds since 1970-01-01
-- UTC. Texts are compared byte by byte.
--
-- Rows refer to the thread whose row is locked while they are written; a foreign key would look that row up once more
-- for each of them, on the path of every turn.

CREATE TABLE our.users (
  user_id     text   COLLATE "C" PRIMARY KEY,
  name        text,
  preferences text,
  created_ms  bigint NOT NULL,
  active_ms   bigint NOT NULL,
  -- Whether nothing of theirs may be erased.
  held        boolean NOT NULL DEFAULT false
);
CREATE INDEX users_active ON our.users (active_ms);

-- `thread` is a number that its process made of the time and of chance: unique for the user, ascending in time.
CREATE TABLE our.threads (
  user_id    text    COLLATE "C" NOT NULL,
  thread     bigint  NOT NULL,
  id         text    COLLATE "C" NOT NULL,
  title      text,
  pinned     boolean NOT NULL DEFAULT false,
  archived   boolean NOT NULL DEFAULT false,
  metadata   text,
  created_ms bigint  NOT NULL,
  updated_ms bigint  NOT NULL,
  -- When it may be removed.
  expires_ms bigint,
  -- Another one after each change of what follows, or of the thread's heads, runs and changes: who remembers the mark
  -- knows whether what it remembers of the thread is so still.
  mark       bigint  NOT NULL DEFAULT 0,
  -- The highest numbers given so far.
  fence      bigint  NOT NULL DEFAULT 0,
  seq        bigint  NOT NULL DEFAULT 0,
  change     bigint  NOT NULL DEFAULT 0,
  run        bigint  NOT NULL DEFAULT 0,
  branch     bigint  NOT NULL DEFAULT 0,
  -- Counts for lists of threads: messages in the head's transcript, runs that came to rest.
  messages   bigint  NOT NULL DEFAULT 0,
  turns      bigint  NOT NULL DEFAULT 0,
  -- Checkpoints up to this one may have been pruned.
  pruned     uuid,
  PRIMARY KEY (user_id, thread),
  UNIQUE (user_id, id)
) WITH (fillfactor = 80);
CREATE INDEX threads_end ON our.threads (expires_ms) WHERE expires_ms IS NOT NULL;

-- A line of the history of a thread's own graph, and where it left its parent.
CREATE TABLE our.branches (
  user_id    text   COLLATE "C" NOT NULL,
  thread     bigint NOT NULL,
  branch     bigint NOT NULL,
  parent     bigint,
  forked_at  uuid,
  created_ms bigint NOT NULL,
  PRIMARY KEY (user_id, thread, branch)
);

-- The head of each namespace; `last` is the highest checkpoint that it ever had.
CREATE TABLE our.heads (
  user_id    text   COLLATE "C" NOT NULL,
  thread     bigint NOT NULL,
  ns         text   COLLATE "C" NOT NULL,
  checkpoint uuid,
  last       uuid   NOT NULL,
  branch     bigint NOT NULL,
  PRIMARY KEY (user_id, thread, ns)
) WITH (fillfactor = 80);

-- `queue` is 0 for the active run of a thread, the run's own number while it waits, and NULL once it has ended, so
-- that the index below admits one active run at most and gives the queue in order.
CREATE TABLE our.runs (
  user_id    text   COLLATE "C" NOT NULL,
  thread     bigint NOT NULL,
  run        bigint NOT NULL,
  id         uuid   NOT NULL,
  graph      text   NOT NULL,
  status     text   NOT NULL,
  queue      bigint,
  fence      bigint,
  -- Whose process holds it, by the name of its lease.
  owner      uuid,
  base       uuid,
  input      text,
  created_ms bigint NOT NULL,
  ended_ms   bigint,
  error      text,
  -- NULL for `enqueue`.
  policy     text,
  -- NULL when it was to begin at once.
  starts_ms  bigint,
  details    text,
  PRIMARY KEY (user_id, thread, run)
);
CREATE UNIQUE INDEX runs_live ON our.runs (user_id, thread, queue) WHERE queue IS NOT NULL;

-- Until when, by the database's clock, the runs of a process are its own.
CREATE TABLE our.leases (
  owner uuid        PRIMARY KEY,
  until timestamptz NOT NULL
);

-- What runs told, a batch in a row: from number `seq` to `last`, each event as its number, a space and its JSON text,
-- parted by the character 30, which JSON text cannot hold. `run` is the run's id.
CREATE TABLE our.run_events (
  user_id text   COLLATE "C" NOT NULL,
  thread  bigint NOT NULL,
  run     uuid   NOT NULL,
  seq     bigint NOT NULL,
  last    bigint NOT NULL,
  count   bigint NOT NULL,
  at_ms   bigint NOT NULL,
  body    text   NOT NULL,
  PRIMARY KEY (user_id, thread, run, seq)
);
CREATE INDEX run_events_age ON our.run_events (at_ms);

-- `at_ms` is NULL when it is the time inside the id. `channels` names for each channel the change that last set it.
CREATE TABLE our.checkpoints (
  user_id  text   COLLATE "C" NOT NULL,
  thread   bigint NOT NULL,
  id       uuid   NOT NULL,
  ns       text   COLLATE "C" NOT NULL,
  parent   uuid,
  branch   bigint NOT NULL,
  run      bigint,
  source   text   NOT NULL,
  step     bigint NOT NULL,
  at_ms    bigint,
  channels text   NOT NULL,
  plan     text   NOT NULL,
  metadata text,
  PRIMARY KEY (user_id, thread, id)
);

-- What a step did to a channel. `list` says that it is a list: its body then says which elements, by their seq, as edits
-- of the list that change number `base` left, or as a whole where there is none.
CREATE TABLE our.channel_changes (
  user_id text    COLLATE "C" NOT NULL,
  thread  bigint  NOT NULL,
  change  bigint  NOT NULL,
  list    boolean NOT NULL,
  base    bigint,
  body    text    NOT NULL,
  PRIMARY KEY (user_id, thread, change)
);

CREATE TABLE our.pending_writes (
  user_id    text   COLLATE "C" NOT NULL,
  thread     bigint NOT NULL,
  checkpoint uuid   NOT NULL,
  task       uuid   NOT NULL,
  slot       text   NOT NULL,
  body       text   NOT NULL,
  PRIMARY KEY (user_id, thread, checkpoint, task, slot)
);

-- List channels by number, of the whole deployment; number 1 is the conversation: `messages` of a thread's own graph.
CREATE TABLE our.channels (
  channel bigint  PRIMARY KEY,
  name    text    COLLATE "C" NOT NULL,
  root    boolean NOT NULL,
  UNIQUE (name, root)
);
INSERT INTO our.channels (channel, name, root) VALUES (1, 'messages', true);

-- The elements of list channels, each once. Its id is `uuid`, or `id` when it is any other text.
CREATE TABLE our.messages (
  user_id text   COLLATE "C" NOT NULL,
  thread  bigint NOT NULL,
  seq     bigint NOT NULL,
  channel bigint NOT NULL,
  branch  bigint NOT NULL,
  run     bigint,
  at_ms   bigint NOT NULL,
  uuid    uuid,
  id      text,
  body    text   NOT NULL,
  PRIMARY KEY (user_id, thread, seq)
);

-- Long-term memory; the parts of a namespace are joined by dots.
CREATE TABLE our.items (
  user_id    text   COLLATE "C" NOT NULL,
  namespace  text   COLLATE "C" NOT NULL,
  key        text   COLLATE "C" NOT NULL,
  value      text   NOT NULL,
  created_ms bigint NOT NULL,
  updated_ms bigint NOT NULL,
  -- When it ends, and how long it was given.
  expires_ms bigint,
  ttl_ms     bigint,
  PRIMARY KEY (user_id, namespace, key)
);
CREATE INDEX items_end ON our.items (expires_ms) WHERE expires_ms IS NOT NULL;

-- `thread` is the thread's id.
CREATE TABLE our.sessions (
  user_id    text   COLLATE "C" NOT NULL,
  id         text   COLLATE "C" NOT NULL,
  client     text   NOT NULL,
  thread     text   COLLATE "C",
  started_ms bigint NOT NULL,
  last_ms    bigint NOT NULL,
  turns      bigint NOT NULL,
  PRIMARY KEY (user_id, id)
);

-- Documents of the whole deployment.
CREATE TABLE our.records (
  kind       text   COLLATE "C" NOT NULL,
  id         text   COLLATE "C" NOT NULL,
  version    bigint NOT NULL,
  body       text   NOT NULL,
  created_ms bigint NOT NULL,
  updated_ms bigint NOT NULL,
  PRIMARY KEY (kind, id)
);

-- Up to which message (`messages.seq`) of a thread derived work has come; a thread without a row has none behind it.
CREATE TABLE our.derived (
  user_id text   COLLATE "C" NOT NULL,
  thread  bigint NOT NULL,
  name    text   NOT NULL,
  upto    bigint NOT NULL,
  PRIMARY KEY (user_id, thread, name)
);

-- The words of each message of a conversation, already folded, with a word that stands for its owner.
CREATE TABLE our.search (
  user_id text     COLLATE "C" NOT NULL,
  thread  bigint   NOT NULL,
  seq     bigint   NOT NULL,
  at_ms   bigint   NOT NULL,
  words   tsvector NOT NULL,
  PRIMARY KEY (user_id, thread, seq)
);
CREATE INDEX search_words ON our.search USING gin (words);
