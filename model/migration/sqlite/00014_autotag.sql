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

CREATE TABLE IF NOT EXISTS tag_mirror (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL,
    group_id INTEGER NOT NULL,
    tag_id INTEGER NOT NULL,
    wanted BOOLEAN NOT NULL,
    reason VARCHAR(255) COLLATE NOCASE NOT NULL,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_tag_mirror_account_id_group_id_tag_id ON tag_mirror (account_id, group_id, tag_id);
CREATE INDEX IF NOT EXISTS ix_tag_mirror_group_id ON tag_mirror (group_id);

CREATE TABLE IF NOT EXISTS tag_batch (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    action VARCHAR(8) NOT NULL,
    tag_ids TEXT NOT NULL,
    target VARCHAR(16) NOT NULL,
    target_id INTEGER NOT NULL,
    filter TEXT NOT NULL,
    expires_at DATETIME,
    staff_id INTEGER NOT NULL,
    state VARCHAR(16) NOT NULL,
    error VARCHAR(255) COLLATE NOCASE NOT NULL,
    position VARCHAR(255) NOT NULL,
    total INTEGER NOT NULL,
    done INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    unchanged INTEGER NOT NULL,
    refused INTEGER NOT NULL,
    cancel_asked BOOLEAN NOT NULL,
    started_at DATETIME,
    ended_at DATETIME,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_tag_batch_state_id ON tag_batch (state, id);

CREATE TABLE IF NOT EXISTS tag_batch_part (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    batch_id INTEGER NOT NULL,
    part INTEGER NOT NULL,
    customer_ids TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_tag_batch_part_batch_id_part ON tag_batch_part (batch_id, part);

CREATE TABLE IF NOT EXISTS tag_rule (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name VARCHAR(128) COLLATE NOCASE NOT NULL,
    condition_json TEXT NOT NULL,
    occurrence_json TEXT NOT NULL,
    tag_ids TEXT NOT NULL,
    expire_days INTEGER NOT NULL,
    take_back BOOLEAN NOT NULL,
    given INTEGER NOT NULL,
    enabled BOOLEAN NOT NULL,
    paused_reason VARCHAR(255) COLLATE NOCASE NOT NULL,
    version INTEGER NOT NULL,
    scan_version INTEGER NOT NULL,
    scan_reset BOOLEAN NOT NULL,
    fitting INTEGER NOT NULL,
    timed_until DATETIME,
    created_by INTEGER NOT NULL,
    gone_at DATETIME,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_tag_rule_enabled_id ON tag_rule (enabled, id);

CREATE TABLE IF NOT EXISTS tag_rule_member (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    rule_id INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    since DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_tag_rule_member_rule_id_customer_id ON tag_rule_member (rule_id, customer_id);
CREATE INDEX IF NOT EXISTS ix_tag_rule_member_customer_id ON tag_rule_member (customer_id);

CREATE TABLE IF NOT EXISTS tag_rule_act (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    rule_id INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    act VARCHAR(16) NOT NULL,
    why VARCHAR(255) COLLATE NOCASE NOT NULL,
    event_id INTEGER NOT NULL,
    at DATETIME NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_tag_rule_act_rule_id_customer_id_at ON tag_rule_act (rule_id, customer_id, at);
CREATE INDEX IF NOT EXISTS ix_tag_rule_act_rule_id_id ON tag_rule_act (rule_id, id);
CREATE INDEX IF NOT EXISTS ix_tag_rule_act_at ON tag_rule_act (at);

