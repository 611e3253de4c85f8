-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS api_key (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key_id VARCHAR(32) NOT NULL,
    name VARCHAR(64) COLLATE NOCASE NOT NULL,
    permissions TEXT NOT NULL,
    networks TEXT NOT NULL,
    per_minute INTEGER NOT NULL,
    sealed_secret BLOB NOT NULL,
    sealed_old_secret BLOB,
    old_until DATETIME,
    revoked_at DATETIME,
    last_used_at DATETIME,
    created_by INTEGER NOT NULL,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_api_key_key_id ON api_key (key_id);

CREATE TABLE IF NOT EXISTS api_nonce (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    api_key_id INTEGER NOT NULL,
    nonce BLOB NOT NULL,
    expires_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_api_nonce_api_key_id_nonce ON api_nonce (api_key_id, nonce);
CREATE INDEX IF NOT EXISTS ix_api_nonce_expires_at ON api_nonce (expires_at);

CREATE TABLE IF NOT EXISTS webhook (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name VARCHAR(64) COLLATE NOCASE NOT NULL,
    url VARCHAR(1024) NOT NULL,
    kinds TEXT NOT NULL,
    sealed_secret BLOB NOT NULL,
    sealed_old_secret BLOB,
    old_until DATETIME,
    enabled BOOLEAN NOT NULL,
    failing_since DATETIME,
    suspended_at DATETIME,
    created_by INTEGER NOT NULL,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);

CREATE TABLE IF NOT EXISTS webhook_delivery (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    webhook_id INTEGER NOT NULL,
    event_id INTEGER NOT NULL,
    kind VARCHAR(64) NOT NULL,
    dedupe_key VARCHAR(64) NOT NULL,
    state VARCHAR(16) NOT NULL,
    attempts INTEGER NOT NULL,
    last_status INTEGER NOT NULL,
    created_at DATETIME NOT NULL,
    ended_at DATETIME
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_webhook_delivery_dedupe_key ON webhook_delivery (dedupe_key);
CREATE INDEX IF NOT EXISTS ix_webhook_delivery_webhook_id_id ON webhook_delivery (webhook_id, id);
CREATE INDEX IF NOT EXISTS ix_webhook_delivery_created_at ON webhook_delivery (created_at);

CREATE TABLE IF NOT EXISTS webhook_attempt (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    delivery_id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    started_at DATETIME NOT NULL,
    took_ms INTEGER NOT NULL,
    outcome VARCHAR(16) NOT NULL,
    status INTEGER NOT NULL,
    response VARCHAR(255) COLLATE NOCASE NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_webhook_attempt_delivery_id_number ON webhook_attempt (delivery_id, number);
