-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS event_day (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    customer_id INTEGER NOT NULL,
    kind VARCHAR(64) NOT NULL,
    item VARCHAR(64) NOT NULL,
    day INTEGER NOT NULL,
    times INTEGER NOT NULL,
    value INTEGER NOT NULL,
    first_at DATETIME NOT NULL,
    last_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_event_day_customer_id_kind_item_day ON event_day (customer_id, kind, item, day);
CREATE INDEX IF NOT EXISTS ix_event_day_kind_day_customer_id ON event_day (kind, day, customer_id);
