-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS custom_field (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name VARCHAR(64) NOT NULL,
    title VARCHAR(128) COLLATE NOCASE NOT NULL,
    kind VARCHAR(16) NOT NULL,
    choices TEXT NOT NULL,
    required BOOLEAN NOT NULL,
    sealed BOOLEAN NOT NULL,
    position INTEGER NOT NULL,
    gone_at DATETIME,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_custom_field_name ON custom_field (name);

CREATE TABLE IF NOT EXISTS custom_value (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    customer_id INTEGER NOT NULL,
    field_id INTEGER NOT NULL,
    ordinal INTEGER NOT NULL,
    value VARCHAR(255) COLLATE NOCASE NOT NULL,
    number INTEGER,
    sealed_value BLOB,
    source VARCHAR(32) NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_custom_value_customer_id_field_id_ordinal ON custom_value (customer_id, field_id, ordinal);
CREATE INDEX IF NOT EXISTS ix_custom_value_field_id_value_customer_id ON custom_value (field_id, value, customer_id);
CREATE INDEX IF NOT EXISTS ix_custom_value_field_id_number_customer_id ON custom_value (field_id, number, customer_id);

CREATE TABLE IF NOT EXISTS customer_tag (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    customer_id INTEGER NOT NULL,
    tag_id INTEGER NOT NULL,
    source VARCHAR(32) NOT NULL,
    source_id INTEGER NOT NULL,
    expires_at DATETIME,
    created_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_customer_tag_customer_id_tag_id ON customer_tag (customer_id, tag_id);
CREATE INDEX IF NOT EXISTS ix_customer_tag_tag_id_customer_id ON customer_tag (tag_id, customer_id);
CREATE INDEX IF NOT EXISTS ix_customer_tag_expires_at ON customer_tag (expires_at);
