-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS event_day (
    customer_id INTEGER NOT NULL,
    kind VARCHAR(64) NOT NULL,
    item VARCHAR(64) NOT NULL,
    day INTEGER NOT NULL,
    times INTEGER NOT NULL,
    value INTEGER NOT NULL,
    first_at DATETIME NOT NULL,
    last_at DATETIME NOT NULL,
    PRIMARY KEY (customer_id, kind, item, day)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS ix_event_day_kind_day_customer_id ON event_day (kind, day, customer_id);

CREATE TABLE IF NOT EXISTS event_kind (
    name VARCHAR(64) NOT NULL PRIMARY KEY,
    zh VARCHAR(64) COLLATE NOCASE NOT NULL,
    en VARCHAR(64) COLLATE NOCASE NOT NULL,
    class VARCHAR(16) NOT NULL,
    item VARCHAR(64) NOT NULL,
    value VARCHAR(64) NOT NULL,
    properties TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);

CREATE TABLE IF NOT EXISTS event_aside (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    source VARCHAR(32) NOT NULL,
    name VARCHAR(64) NOT NULL,
    reason VARCHAR(96) NOT NULL,
    dedupe_key BLOB NOT NULL,
    properties TEXT NOT NULL,
    occurred_at DATETIME NOT NULL,
    received_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_event_aside_dedupe_key ON event_aside (dedupe_key);
CREATE INDEX IF NOT EXISTS ix_event_aside_name_id ON event_aside (name, id);
CREATE INDEX IF NOT EXISTS ix_event_aside_customer_id ON event_aside (customer_id);
CREATE INDEX IF NOT EXISTS ix_event_aside_received_at ON event_aside (received_at);

CREATE TABLE IF NOT EXISTS event_feed (
    name VARCHAR(32) NOT NULL PRIMARY KEY,
    owner VARCHAR(64) NOT NULL,
    leased_until DATETIME NOT NULL
);

CREATE TABLE IF NOT EXISTS event_feed_batch (
    feed VARCHAR(32) NOT NULL,
    first_id INTEGER NOT NULL,
    last_id INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    due_at DATETIME NOT NULL,
    error VARCHAR(255) NOT NULL,
    PRIMARY KEY (feed, first_id)
) WITHOUT ROWID;
