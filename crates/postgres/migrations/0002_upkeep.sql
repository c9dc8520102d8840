-- Format 2: what happened in each hour since 1970-01-01 UTC, as each process indexed it: messages that were said, bytes
-- that whole states would have taken besides, and bytes in use when statistics were last asked for. Of the whole
-- deployment and small: a row for each process and hour.
CREATE TABLE our.hours (
  hour        bigint NOT NULL,
  owner       uuid   NOT NULL,
  messages    bigint NOT NULL DEFAULT 0,
  saved_bytes bigint NOT NULL DEFAULT 0,
  live_bytes  bigint,
  PRIMARY KEY (hour, owner)
);
