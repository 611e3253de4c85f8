-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS sign_in_state (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    state_hash BLOB NOT NULL,
    browser_hash BLOB NOT NULL,
    account_id INTEGER NOT NULL,
    face VARCHAR(16) NOT NULL,
    page VARCHAR(32) NOT NULL,
    expires_at DATETIME NOT NULL,
    created_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_sign_in_state_state_hash ON sign_in_state (state_hash);
CREATE INDEX IF NOT EXISTS ix_sign_in_state_expires_at ON sign_in_state (expires_at);

CREATE TABLE IF NOT EXISTS reveal (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    customer_id INTEGER NOT NULL,
    staff_id INTEGER NOT NULL,
    what VARCHAR(80) NOT NULL,
    purpose VARCHAR(200) COLLATE NOCASE NOT NULL,
    day INTEGER NOT NULL,
    ordinal INTEGER NOT NULL,
    revealed_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_reveal_staff_id_day_ordinal ON reveal (staff_id, day, ordinal);
CREATE INDEX IF NOT EXISTS ix_reveal_customer_id ON reveal (customer_id);
