-- +goose NO TRANSACTION
-- +goose Up
-- What prizes cost, and points by day. MySQL has no ADD COLUMN IF NOT EXISTS and no CREATE INDEX IF NOT EXISTS.
SET @missing = (SELECT COUNT(*) = 0 FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'draw_prize' AND column_name = 'cost_fen');
SET @step = IF(@missing, 'ALTER TABLE draw_prize ADD COLUMN cost_fen BIGINT NOT NULL DEFAULT 0', 'DO 0');
PREPARE step FROM @step;
EXECUTE step;
DEALLOCATE PREPARE step;

SET @missing = (SELECT COUNT(*) = 0 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'points_entry' AND index_name = 'ix_points_entry_created_at');
SET @step = IF(@missing, 'CREATE INDEX ix_points_entry_created_at ON points_entry (created_at)', 'DO 0');
PREPARE step FROM @step;
EXECUTE step;
DEALLOCATE PREPARE step;
