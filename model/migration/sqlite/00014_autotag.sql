-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS tag_grant (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    customer_id INTEGER NOT NULL,
    tag_id INTEGER NOT NULL,
    source VARCHAR(32) NOT NULL,
    source_id INTEGER NOT NULL,
    expires_at DATETIME,
    created_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_tag_grant_customer_id_tag_id_source_source_id ON tag_grant (customer_id, tag_id, source, source_id);
CREATE INDEX IF NOT EXISTS ix_tag_grant_tag_id_customer_id ON tag_grant (tag_id, customer_id);
CREATE INDEX IF NOT EXISTS ix_tag_grant_expires_at ON tag_grant (expires_at);
CREATE INDEX IF NOT EXISTS ix_tag_grant_source_source_id_customer_id ON tag_grant (source, source_id, customer_id);

