-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS data_key (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    purpose VARCHAR(32) NOT NULL,
    generation INTEGER NOT NULL,
    sealed_key BLOB NOT NULL,
    active_at DATETIME NOT NULL,
    created_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_data_key_purpose_generation ON data_key (purpose, generation);

CREATE TABLE IF NOT EXISTS key_rotation (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    purpose VARCHAR(32) NOT NULL,
    generation INTEGER NOT NULL,
    pass INTEGER NOT NULL,
    stage INTEGER NOT NULL,
    after_id INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    resealed INTEGER NOT NULL,
    unreadable INTEGER NOT NULL,
    started_at DATETIME NOT NULL,
    finished_at DATETIME,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_key_rotation_purpose_generation ON key_rotation (purpose, generation);

CREATE TABLE IF NOT EXISTS phone_number (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    value VARCHAR(128) NOT NULL,
    sealed_number BLOB NOT NULL,
    created_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_phone_number_value ON phone_number (value);
