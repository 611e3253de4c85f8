-- +goose Up
-- What prizes cost, and points by day. One transaction, since SQLite has no ADD COLUMN IF NOT EXISTS.
ALTER TABLE draw_prize ADD COLUMN cost_fen INTEGER NOT NULL DEFAULT 0;
CREATE INDEX IF NOT EXISTS ix_points_entry_created_at ON points_entry (created_at);
