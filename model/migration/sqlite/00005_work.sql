-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS work (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind VARCHAR(64) NOT NULL,
    lane INTEGER NOT NULL,
    order_key VARCHAR(128) NOT NULL,
    running_key VARCHAR(128),
    dedupe_key VARCHAR(191),
    payload TEXT NOT NULL,
    state VARCHAR(16) NOT NULL,
    run_at DATETIME NOT NULL,
    deadline DATETIME,
    attempts INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    lease_token VARCHAR(32) NOT NULL,
    lease_owner VARCHAR(64) NOT NULL,
    lease_until DATETIME,
    cancel_asked BOOLEAN NOT NULL,
    last_error VARCHAR(1024) COLLATE NOCASE NOT NULL,
    finished_at DATETIME,
    created_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_work_running_key ON work (running_key);
CREATE UNIQUE INDEX IF NOT EXISTS uq_work_dedupe_key ON work (dedupe_key);
CREATE INDEX IF NOT EXISTS ix_work_state_lane_run_at_id ON work (state, lane, run_at, id);
CREATE INDEX IF NOT EXISTS ix_work_order_key_state_id ON work (order_key, state, id);
CREATE INDEX IF NOT EXISTS ix_work_finished_at ON work (finished_at);

CREATE TABLE IF NOT EXISTS cron_job (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    job VARCHAR(64) NOT NULL,
    planted_until DATETIME NOT NULL,
    created_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_cron_job_job ON cron_job (job);

CREATE TABLE IF NOT EXISTS cron_tick (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    job VARCHAR(64) NOT NULL,
    fire_time DATETIME NOT NULL,
    status VARCHAR(16) NOT NULL,
    trigger_kind VARCHAR(16) NOT NULL,
    asked_by INTEGER NOT NULL,
    missed_before INTEGER NOT NULL,
    started_at DATETIME,
    finished_at DATETIME,
    error VARCHAR(1024) COLLATE NOCASE NOT NULL,
    created_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_cron_tick_job_fire_time ON cron_tick (job, fire_time);
CREATE INDEX IF NOT EXISTS ix_cron_tick_status_fire_time ON cron_tick (status, fire_time);

CREATE TABLE IF NOT EXISTS inbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL,
    digest BLOB NOT NULL,
    kind VARCHAR(96) NOT NULL,
    body BLOB NOT NULL,
    stale BOOLEAN NOT NULL,
    lane INTEGER NOT NULL,
    state VARCHAR(16) NOT NULL,
    replays INTEGER NOT NULL,
    error VARCHAR(255) COLLATE NOCASE NOT NULL,
    received_at DATETIME NOT NULL,
    finished_at DATETIME
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_inbox_account_id_digest ON inbox (account_id, digest);
CREATE INDEX IF NOT EXISTS ix_inbox_state_lane_id ON inbox (state, lane, id);

CREATE TABLE IF NOT EXISTS sync_run (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL,
    running_account_id INTEGER,
    status VARCHAR(16) NOT NULL,
    trigger_kind VARCHAR(16) NOT NULL,
    stage VARCHAR(32) NOT NULL,
    total INTEGER NOT NULL,
    finished INTEGER NOT NULL,
    read_count INTEGER NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    unchanged INTEGER NOT NULL,
    vanished INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    error VARCHAR(1024) COLLATE NOCASE NOT NULL,
    started_at DATETIME NOT NULL,
    finished_at DATETIME,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_sync_run_running_account_id ON sync_run (running_account_id);
CREATE INDEX IF NOT EXISTS ix_sync_run_account_id_id ON sync_run (account_id, id);
CREATE INDEX IF NOT EXISTS ix_sync_run_status ON sync_run (status);

CREATE TABLE IF NOT EXISTS sync_part (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id INTEGER NOT NULL,
    stage VARCHAR(32) NOT NULL,
    part_key VARCHAR(64) NOT NULL,
    status VARCHAR(16) NOT NULL,
    page_cursor VARCHAR(512) NOT NULL,
    error VARCHAR(255) COLLATE NOCASE NOT NULL,
    started_at DATETIME,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_sync_part_run_id_stage_part_key ON sync_part (run_id, stage, part_key);
CREATE INDEX IF NOT EXISTS ix_sync_part_run_id_stage_status ON sync_part (run_id, stage, status);
