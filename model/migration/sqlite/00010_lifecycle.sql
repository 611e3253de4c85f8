-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS customer_lifecycle (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    customer_id INTEGER NOT NULL,
    stage VARCHAR(32) NOT NULL,
    stage_since DATETIME NOT NULL,
    recency INTEGER NOT NULL,
    frequency INTEGER NOT NULL,
    monetary INTEGER NOT NULL,
    value_score INTEGER NOT NULL,
    value_grade VARCHAR(16) NOT NULL,
    alive_bp INTEGER NOT NULL,
    expected_fen INTEGER NOT NULL,
    computed_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_customer_lifecycle_customer_id ON customer_lifecycle (customer_id);
CREATE INDEX IF NOT EXISTS ix_customer_lifecycle_stage_customer_id ON customer_lifecycle (stage, customer_id);
CREATE INDEX IF NOT EXISTS ix_customer_lifecycle_value_score_customer_id ON customer_lifecycle (value_score, customer_id);
CREATE INDEX IF NOT EXISTS ix_customer_lifecycle_expected_fen_customer_id ON customer_lifecycle (expected_fen, customer_id);
