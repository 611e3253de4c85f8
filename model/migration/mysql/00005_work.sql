-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS work (
    id BIGINT NOT NULL AUTO_INCREMENT,
    kind VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    lane INT NOT NULL,
    order_key VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    running_key VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
    dedupe_key VARCHAR(191) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
    payload MEDIUMTEXT NOT NULL,
    state VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    run_at DATETIME(3) NOT NULL,
    deadline DATETIME(3),
    attempts INT NOT NULL,
    fence BIGINT NOT NULL,
    lease_token VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    lease_owner VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    lease_until DATETIME(3),
    cancel_asked BOOLEAN NOT NULL,
    last_error VARCHAR(1024) NOT NULL,
    finished_at DATETIME(3),
    created_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_work_running_key (running_key),
    UNIQUE KEY uq_work_dedupe_key (dedupe_key),
    KEY ix_work_state_lane_run_at_id (state, lane, run_at, id),
    KEY ix_work_order_key_state_id (order_key, state, id),
    KEY ix_work_finished_at (finished_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci /*T![auto_id_cache] AUTO_ID_CACHE 1 */;

CREATE TABLE IF NOT EXISTS cron_job (
    id BIGINT NOT NULL AUTO_INCREMENT,
    job VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    planted_until DATETIME(3) NOT NULL,
    created_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_cron_job_job (job)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS cron_tick (
    id BIGINT NOT NULL AUTO_INCREMENT,
    job VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    fire_time DATETIME(3) NOT NULL,
    status VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    trigger_kind VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    asked_by BIGINT NOT NULL,
    missed_before BIGINT NOT NULL,
    started_at DATETIME(3),
    finished_at DATETIME(3),
    error VARCHAR(1024) NOT NULL,
    created_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_cron_tick_job_fire_time (job, fire_time),
    KEY ix_cron_tick_status_fire_time (status, fire_time)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS inbox (
    id BIGINT NOT NULL AUTO_INCREMENT,
    account_id BIGINT NOT NULL,
    digest VARBINARY(32) NOT NULL,
    kind VARCHAR(96) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    body LONGBLOB NOT NULL,
    stale BOOLEAN NOT NULL,
    lane INT NOT NULL,
    state VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    replays INT NOT NULL,
    error VARCHAR(255) NOT NULL,
    received_at DATETIME(3) NOT NULL,
    finished_at DATETIME(3),
    PRIMARY KEY (id),
    UNIQUE KEY uq_inbox_account_id_digest (account_id, digest),
    KEY ix_inbox_state_lane_id (state, lane, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS sync_run (
    id BIGINT NOT NULL AUTO_INCREMENT,
    account_id BIGINT NOT NULL,
    running_account_id BIGINT,
    status VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    trigger_kind VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    stage VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    total BIGINT NOT NULL,
    finished BIGINT NOT NULL,
    read_count BIGINT NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    unchanged BIGINT NOT NULL,
    vanished BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    error VARCHAR(1024) NOT NULL,
    started_at DATETIME(3) NOT NULL,
    finished_at DATETIME(3),
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_sync_run_running_account_id (running_account_id),
    KEY ix_sync_run_account_id_id (account_id, id),
    KEY ix_sync_run_status (status)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS sync_part (
    id BIGINT NOT NULL AUTO_INCREMENT,
    run_id BIGINT NOT NULL,
    stage VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    part_key VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    status VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    page_cursor VARCHAR(512) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    error VARCHAR(255) NOT NULL,
    started_at DATETIME(3),
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_sync_part_run_id_stage_part_key (run_id, stage, part_key),
    KEY ix_sync_part_run_id_stage_status (run_id, stage, status)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
