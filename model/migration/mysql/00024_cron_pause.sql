-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS cron_pause (
    id BIGINT NOT NULL AUTO_INCREMENT,
    job VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    reason VARCHAR(255) NOT NULL,
    paused_by BIGINT NOT NULL,
    created_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_cron_pause_job (job)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
