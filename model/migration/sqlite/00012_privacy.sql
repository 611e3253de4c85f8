-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS visit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    staff_id INTEGER NOT NULL,
    token_hash BLOB NOT NULL,
    user_agent VARCHAR(255) COLLATE NOCASE NOT NULL,
    seen_at DATETIME NOT NULL,
    expires_at DATETIME NOT NULL,
    revoked_at DATETIME,
    created_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_visit_token_hash ON visit (token_hash);
CREATE INDEX IF NOT EXISTS ix_visit_customer_id ON visit (customer_id);
CREATE INDEX IF NOT EXISTS ix_visit_staff_id ON visit (staff_id);
CREATE INDEX IF NOT EXISTS ix_visit_expires_at ON visit (expires_at);

CREATE TABLE IF NOT EXISTS visit_count (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    customer_id INTEGER NOT NULL,
    kind VARCHAR(16) NOT NULL,
    day INTEGER NOT NULL,
    times INTEGER NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_visit_count_customer_id_kind_day ON visit_count (customer_id, kind, day);
CREATE INDEX IF NOT EXISTS ix_visit_count_day ON visit_count (day);

CREATE TABLE IF NOT EXISTS used_code (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    code_hash BLOB NOT NULL,
    ends_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_used_code_code_hash ON used_code (code_hash);
CREATE INDEX IF NOT EXISTS ix_used_code_ends_at ON used_code (ends_at);

CREATE TABLE IF NOT EXISTS notice (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    purpose VARCHAR(32) NOT NULL,
    version INTEGER NOT NULL,
    title VARCHAR(128) COLLATE NOCASE NOT NULL,
    body TEXT NOT NULL,
    digest BLOB NOT NULL,
    explicit BOOLEAN NOT NULL,
    staff_id INTEGER NOT NULL,
    effective_at DATETIME NOT NULL,
    created_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_notice_purpose_version ON notice (purpose, version);

CREATE TABLE IF NOT EXISTS consent (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    customer_id INTEGER NOT NULL,
    purpose VARCHAR(32) NOT NULL,
    ordinal INTEGER NOT NULL,
    given BOOLEAN NOT NULL,
    notice_version INTEGER NOT NULL,
    notice_digest BLOB,
    channel VARCHAR(32) NOT NULL,
    proof VARCHAR(255) COLLATE NOCASE NOT NULL,
    sealed_guardian BLOB,
    staff_id INTEGER NOT NULL,
    created_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_consent_customer_id_purpose_ordinal ON consent (customer_id, purpose, ordinal);
CREATE INDEX IF NOT EXISTS ix_consent_purpose_created_at ON consent (purpose, created_at);

CREATE TABLE IF NOT EXISTS contact_choice (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    customer_id INTEGER NOT NULL,
    channel VARCHAR(32) NOT NULL,
    ordinal INTEGER NOT NULL,
    choice VARCHAR(16) NOT NULL,
    source VARCHAR(32) NOT NULL,
    staff_id INTEGER NOT NULL,
    reason VARCHAR(255) COLLATE NOCASE NOT NULL,
    created_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_contact_choice_customer_id_channel_ordinal ON contact_choice (customer_id, channel, ordinal);

CREATE TABLE IF NOT EXISTS privacy_request (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    customer_id INTEGER NOT NULL,
    kind VARCHAR(16) NOT NULL,
    state VARCHAR(16) NOT NULL,
    open_key VARCHAR(64),
    source VARCHAR(32) NOT NULL,
    staff_id INTEGER NOT NULL,
    note VARCHAR(255) COLLATE NOCASE NOT NULL,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    finished_at DATETIME
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_privacy_request_open_key ON privacy_request (open_key);
CREATE INDEX IF NOT EXISTS ix_privacy_request_state_id ON privacy_request (state, id);
CREATE INDEX IF NOT EXISTS ix_privacy_request_customer_id_id ON privacy_request (customer_id, id);
