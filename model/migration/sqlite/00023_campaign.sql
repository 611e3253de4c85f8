-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS campaign (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name VARCHAR(64) COLLATE NOCASE NOT NULL,
    note VARCHAR(255) COLLATE NOCASE NOT NULL,
    code VARCHAR(16) NOT NULL,
    state VARCHAR(16) NOT NULL,
    reason VARCHAR(255) COLLATE NOCASE NOT NULL,
    channel VARCHAR(32) NOT NULL,
    account_id INTEGER NOT NULL,
    audience TEXT NOT NULL,
    schedule TEXT NOT NULL,
    topic VARCHAR(32) NOT NULL,
    priority INTEGER NOT NULL,
    keep_hours INTEGER NOT NULL,
    holdout_bp INTEGER NOT NULL,
    canary TEXT NOT NULL,
    goal TEXT NOT NULL,
    version INTEGER NOT NULL,
    asked_by INTEGER NOT NULL,
    approved_by INTEGER NOT NULL,
    approved INTEGER NOT NULL,
    approval_size INTEGER NOT NULL,
    next_at DATETIME,
    runs INTEGER NOT NULL,
    created_by INTEGER NOT NULL,
    changed_by INTEGER NOT NULL,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_campaign_code ON campaign (code);
CREATE INDEX IF NOT EXISTS ix_campaign_state_id ON campaign (state, id);
CREATE INDEX IF NOT EXISTS ix_campaign_next_at ON campaign (next_at);

CREATE TABLE IF NOT EXISTS campaign_variant (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    campaign_id INTEGER NOT NULL,
    name VARCHAR(16) NOT NULL,
    share_bp INTEGER NOT NULL,
    message_id INTEGER NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_campaign_variant_campaign_id_name ON campaign_variant (campaign_id, name);

CREATE TABLE IF NOT EXISTS campaign_run (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    campaign_id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    planned_for DATETIME NOT NULL,
    state VARCHAR(16) NOT NULL,
    reason VARCHAR(255) COLLATE NOCASE NOT NULL,
    frozen_to INTEGER NOT NULL,
    members INTEGER NOT NULL,
    excluded INTEGER NOT NULL,
    held_out INTEGER NOT NULL,
    planned INTEGER NOT NULL,
    started_at DATETIME NOT NULL,
    frozen_at DATETIME,
    canary_at DATETIME,
    launched_at DATETIME,
    count_until DATETIME,
    reported_at DATETIME,
    ended_at DATETIME,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_campaign_run_campaign_id_planned_for ON campaign_run (campaign_id, planned_for);
CREATE INDEX IF NOT EXISTS ix_campaign_run_campaign_id_number ON campaign_run (campaign_id, number);
CREATE INDEX IF NOT EXISTS ix_campaign_run_state_id ON campaign_run (state, id);
CREATE INDEX IF NOT EXISTS ix_campaign_run_count_until ON campaign_run (count_until);

CREATE TABLE IF NOT EXISTS campaign_member (
    run_id INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    target_id INTEGER NOT NULL,
    variant_id INTEGER NOT NULL,
    canary BOOLEAN NOT NULL,
    excluded VARCHAR(32) NOT NULL,
    PRIMARY KEY (run_id, customer_id, target_id)
);
CREATE INDEX IF NOT EXISTS ix_campaign_member_customer_id ON campaign_member (customer_id);

CREATE TABLE IF NOT EXISTS campaign_arm (
    run_id INTEGER NOT NULL,
    variant_id INTEGER NOT NULL,
    members INTEGER NOT NULL,
    converted INTEGER NOT NULL,
    times INTEGER NOT NULL,
    value_fen INTEGER NOT NULL,
    counted_at DATETIME NOT NULL,
    PRIMARY KEY (run_id, variant_id)
);

CREATE TABLE IF NOT EXISTS short_link (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    code VARCHAR(16) NOT NULL,
    campaign_id INTEGER NOT NULL,
    target VARCHAR(1024) NOT NULL,
    kind VARCHAR(16) NOT NULL,
    created_by INTEGER NOT NULL,
    gone_at DATETIME,
    created_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_short_link_code ON short_link (code);
CREATE INDEX IF NOT EXISTS ix_short_link_campaign_id_id ON short_link (campaign_id, id);

CREATE TABLE IF NOT EXISTS short_link_day (
    link_id INTEGER NOT NULL,
    day INTEGER NOT NULL,
    visits INTEGER NOT NULL,
    PRIMARY KEY (link_id, day)
);
