-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS points_match (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    rule_id INTEGER NOT NULL,
    property VARCHAR(64) NOT NULL,
    op VARCHAR(16) NOT NULL,
    value VARCHAR(64) COLLATE NOCASE NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_points_match_rule_id ON points_match (rule_id);
