-- +goose NO TRANSACTION
-- +goose Up
-- What operators decide about contacts: every revision stays, the newest is in force.
CREATE TABLE IF NOT EXISTS governor_setting (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    revision INTEGER NOT NULL,
    body TEXT NOT NULL,
    staff_id INTEGER NOT NULL,
    created_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_governor_setting_revision ON governor_setting (revision);

-- One row per customer with what they have been sent of late. Whoever lets a message leave locks it.
CREATE TABLE IF NOT EXISTS contact_book (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    customer_id INTEGER NOT NULL,
    marks TEXT NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_contact_book_customer_id ON contact_book (customer_id);
CREATE INDEX IF NOT EXISTS ix_contact_book_updated_at ON contact_book (updated_at);

-- How often something was not let out, or not yet: one row per batch and reason, so that nobody waits for anybody.
CREATE TABLE IF NOT EXISTS contact_refusal (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    channel VARCHAR(32) NOT NULL,
    source VARCHAR(16) NOT NULL,
    source_id INTEGER NOT NULL,
    reason VARCHAR(32) NOT NULL,
    final BOOLEAN NOT NULL,
    times INTEGER NOT NULL,
    created_at DATETIME NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_contact_refusal_created_at ON contact_refusal (created_at);

-- The share of customers whom one source never writes to, in basis points.
CREATE TABLE IF NOT EXISTS source_holdout (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source VARCHAR(16) NOT NULL,
    source_id INTEGER NOT NULL,
    share INTEGER NOT NULL,
    created_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_source_holdout_source_source_id ON source_holdout (source, source_id);

CREATE TABLE IF NOT EXISTS message (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name VARCHAR(128) COLLATE NOCASE NOT NULL,
    topic VARCHAR(32) NOT NULL,
    version INTEGER NOT NULL,
    created_by INTEGER NOT NULL,
    gone_at DATETIME,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);

CREATE TABLE IF NOT EXISTS message_version (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id INTEGER NOT NULL,
    version INTEGER NOT NULL,
    channels VARCHAR(512) NOT NULL,
    body TEXT NOT NULL,
    hash BLOB NOT NULL,
    personal BOOLEAN NOT NULL,
    findings TEXT NOT NULL,
    staff_id INTEGER NOT NULL,
    accepted_by INTEGER NOT NULL,
    accepted_at DATETIME,
    created_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_message_version_message_id_version ON message_version (message_id, version);

-- What must not be said, and which addresses may be linked: every revision stays, the newest is in force.
CREATE TABLE IF NOT EXISTS message_policy (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    revision INTEGER NOT NULL,
    body TEXT NOT NULL,
    staff_id INTEGER NOT NULL,
    created_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_message_policy_revision ON message_policy (revision);

-- Whoever has turned out to be a customer is looked up by it, thousands at a time.
CREATE INDEX IF NOT EXISTS ix_customer_merged_into ON customer (merged_into);
