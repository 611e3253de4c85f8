-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS channel_code (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL,
    name VARCHAR(64) COLLATE NOCASE NOT NULL,
    state VARCHAR(32) NOT NULL,
    source_name VARCHAR(64) COLLATE NOCASE NOT NULL,
    remark_pattern VARCHAR(64) COLLATE NOCASE NOT NULL,
    skip_verify BOOLEAN NOT NULL,
    config_id VARCHAR(64) NOT NULL,
    qr_code VARCHAR(512) NOT NULL,
    creating_since DATETIME,
    pushed_hash VARCHAR(64) NOT NULL,
    push_error VARCHAR(255) COLLATE NOCASE NOT NULL,
    pushed_at DATETIME,
    enabled BOOLEAN NOT NULL,
    created_by INTEGER NOT NULL,
    gone_at DATETIME,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_channel_code_state ON channel_code (state);
CREATE INDEX IF NOT EXISTS ix_channel_code_account_id_id ON channel_code (account_id, id);

CREATE TABLE IF NOT EXISTS channel_code_staff (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    channel_code_id INTEGER NOT NULL,
    staff_id INTEGER NOT NULL,
    daily_limit INTEGER NOT NULL,
    is_spare BOOLEAN NOT NULL,
    refused_until DATETIME
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_channel_code_staff_channel_code_id_staff_id ON channel_code_staff (channel_code_id, staff_id);
CREATE INDEX IF NOT EXISTS ix_channel_code_staff_staff_id ON channel_code_staff (staff_id);

CREATE TABLE IF NOT EXISTS channel_code_shift (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    channel_code_id INTEGER NOT NULL,
    staff_id INTEGER NOT NULL,
    weekdays INTEGER NOT NULL,
    from_minute INTEGER NOT NULL,
    to_minute INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_channel_code_shift_channel_code_id_staff_id ON channel_code_shift (channel_code_id, staff_id);

CREATE TABLE IF NOT EXISTS channel_code_tag (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    channel_code_id INTEGER NOT NULL,
    tag_id INTEGER NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_channel_code_tag_channel_code_id_tag_id ON channel_code_tag (channel_code_id, tag_id);

CREATE TABLE IF NOT EXISTS channel_code_day (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    channel_code_id INTEGER NOT NULL,
    staff_id INTEGER NOT NULL,
    day VARCHAR(10) NOT NULL,
    added INTEGER NOT NULL,
    lost INTEGER NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_channel_code_day_channel_code_id_staff_id_day ON channel_code_day (channel_code_id, staff_id, day);
CREATE INDEX IF NOT EXISTS ix_channel_code_day_channel_code_id_day ON channel_code_day (channel_code_id, day);

CREATE TABLE IF NOT EXISTS welcome (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL,
    scope VARCHAR(16) NOT NULL,
    scope_id INTEGER NOT NULL,
    text TEXT NOT NULL,
    attachments TEXT NOT NULL,
    enabled BOOLEAN NOT NULL,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_welcome_account_id_scope_scope_id ON welcome (account_id, scope, scope_id);

CREATE TABLE IF NOT EXISTS welcome_send (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL,
    code_hash BLOB NOT NULL,
    staff_id INTEGER NOT NULL,
    external_userid VARCHAR(64) NOT NULL,
    welcome_id INTEGER NOT NULL,
    channel_code_id INTEGER NOT NULL,
    outcome VARCHAR(16) NOT NULL,
    errcode INTEGER NOT NULL,
    reason VARCHAR(255) COLLATE NOCASE NOT NULL,
    last_fence INTEGER NOT NULL,
    in_doubt BOOLEAN NOT NULL,
    received_at DATETIME NOT NULL,
    sent_at DATETIME,
    latency_ms INTEGER NOT NULL,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_welcome_send_account_id_code_hash ON welcome_send (account_id, code_hash);
CREATE INDEX IF NOT EXISTS ix_welcome_send_account_id_received_at ON welcome_send (account_id, received_at);
CREATE INDEX IF NOT EXISTS ix_welcome_send_outcome_received_at ON welcome_send (outcome, received_at);
CREATE INDEX IF NOT EXISTS ix_welcome_send_channel_code_id_received_at ON welcome_send (channel_code_id, received_at);

CREATE TABLE IF NOT EXISTS media (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL,
    kind VARCHAR(16) NOT NULL,
    name VARCHAR(255) COLLATE NOCASE NOT NULL,
    mime VARCHAR(64) NOT NULL,
    size INTEGER NOT NULL,
    sha256 BLOB NOT NULL,
    media_id VARCHAR(128) NOT NULL,
    uploaded_at DATETIME,
    expires_at DATETIME,
    upload_error VARCHAR(255) COLLATE NOCASE NOT NULL,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_media_account_id_kind_sha256 ON media (account_id, kind, sha256);
CREATE INDEX IF NOT EXISTS ix_media_expires_at ON media (expires_at);

CREATE TABLE IF NOT EXISTS media_content (
    media_row_id INTEGER NOT NULL,
    part INTEGER NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (media_row_id, part)
);
