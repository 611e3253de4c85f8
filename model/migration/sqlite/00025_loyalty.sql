-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS points_account (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    customer_id INTEGER NOT NULL,
    balance INTEGER NOT NULL,
    frozen INTEGER NOT NULL,
    earned INTEGER NOT NULL,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_points_account_customer_id ON points_account (customer_id);

CREATE TABLE IF NOT EXISTS points_entry (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    customer_id INTEGER NOT NULL,
    entry_key VARCHAR(96) NOT NULL,
    kind VARCHAR(16) NOT NULL,
    from_book VARCHAR(16) NOT NULL,
    to_book VARCHAR(16) NOT NULL,
    points INTEGER NOT NULL,
    origin_id INTEGER NOT NULL,
    rule_id INTEGER NOT NULL,
    source VARCHAR(32) NOT NULL,
    source_id INTEGER NOT NULL,
    staff_id INTEGER NOT NULL,
    reason VARCHAR(128) COLLATE NOCASE NOT NULL,
    created_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_points_entry_entry_key ON points_entry (entry_key);
CREATE INDEX IF NOT EXISTS ix_points_entry_customer_id_id ON points_entry (customer_id, id);
CREATE INDEX IF NOT EXISTS ix_points_entry_customer_id_rule_id_created_at ON points_entry (customer_id, rule_id, created_at);
CREATE INDEX IF NOT EXISTS ix_points_entry_origin_id ON points_entry (origin_id);
CREATE INDEX IF NOT EXISTS ix_points_entry_source_source_id ON points_entry (source, source_id);
CREATE INDEX IF NOT EXISTS ix_points_entry_created_at ON points_entry (created_at);

CREATE TABLE IF NOT EXISTS points_lot (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    customer_id INTEGER NOT NULL,
    entry_id INTEGER NOT NULL,
    points INTEGER NOT NULL,
    remaining INTEGER NOT NULL,
    expires_at DATETIME,
    created_at DATETIME NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_points_lot_entry_id ON points_lot (entry_id);
CREATE INDEX IF NOT EXISTS ix_points_lot_customer_id_expires_at ON points_lot (customer_id, expires_at);
CREATE INDEX IF NOT EXISTS ix_points_lot_expires_at ON points_lot (expires_at);

CREATE TABLE IF NOT EXISTS points_use (
    entry_id INTEGER NOT NULL,
    lot_id INTEGER NOT NULL,
    points INTEGER NOT NULL,
    PRIMARY KEY (entry_id, lot_id)
);

CREATE TABLE IF NOT EXISTS points_rule (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name VARCHAR(64) COLLATE NOCASE NOT NULL,
    event_kind VARCHAR(64) NOT NULL,
    points INTEGER NOT NULL,
    per_fen INTEGER NOT NULL,
    per_day INTEGER NOT NULL,
    per_month INTEGER NOT NULL,
    in_all INTEGER NOT NULL,
    valid_days INTEGER NOT NULL,
    tiered BOOLEAN NOT NULL,
    enabled BOOLEAN NOT NULL,
    valid_from DATETIME,
    valid_until DATETIME,
    version INTEGER NOT NULL,
    changed_by INTEGER NOT NULL,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);

CREATE TABLE IF NOT EXISTS check_in (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    customer_id INTEGER NOT NULL,
    day INTEGER NOT NULL,
    streak INTEGER NOT NULL,
    points INTEGER NOT NULL,
    created_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_check_in_customer_id_day ON check_in (customer_id, day);

CREATE TABLE IF NOT EXISTS tier (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    level INTEGER NOT NULL,
    name VARCHAR(32) COLLATE NOCASE NOT NULL,
    threshold_fen INTEGER NOT NULL,
    multiplier_bp INTEGER NOT NULL,
    benefits TEXT NOT NULL,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_tier_level ON tier (level);

CREATE TABLE IF NOT EXISTS customer_tier (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    customer_id INTEGER NOT NULL,
    level INTEGER NOT NULL,
    value_fen INTEGER NOT NULL,
    since DATETIME NOT NULL,
    keep_until DATETIME,
    looked_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_customer_tier_customer_id ON customer_tier (customer_id);
CREATE INDEX IF NOT EXISTS ix_customer_tier_keep_until ON customer_tier (keep_until);

CREATE TABLE IF NOT EXISTS tier_change (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    customer_id INTEGER NOT NULL,
    from_level INTEGER NOT NULL,
    to_level INTEGER NOT NULL,
    value_fen INTEGER NOT NULL,
    cause VARCHAR(16) NOT NULL,
    created_at DATETIME NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_tier_change_customer_id_id ON tier_change (customer_id, id);

CREATE TABLE IF NOT EXISTS loyalty_setting (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    body TEXT NOT NULL,
    version INTEGER NOT NULL,
    changed_by INTEGER NOT NULL,
    updated_at DATETIME NOT NULL
);

CREATE TABLE IF NOT EXISTS reward (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name VARCHAR(64) COLLATE NOCASE NOT NULL,
    note VARCHAR(255) COLLATE NOCASE NOT NULL,
    kind VARCHAR(16) NOT NULL,
    batch_id INTEGER NOT NULL,
    price INTEGER NOT NULL,
    stock INTEGER NOT NULL,
    taken INTEGER NOT NULL,
    per_customer INTEGER NOT NULL,
    min_level INTEGER NOT NULL,
    enabled BOOLEAN NOT NULL,
    valid_from DATETIME,
    valid_until DATETIME,
    version INTEGER NOT NULL,
    changed_by INTEGER NOT NULL,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);

CREATE TABLE IF NOT EXISTS redemption (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    reward_id INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    request_key VARCHAR(96) NOT NULL,
    points INTEGER NOT NULL,
    state VARCHAR(16) NOT NULL,
    entry_id INTEGER NOT NULL,
    coupon_id INTEGER NOT NULL,
    note VARCHAR(255) COLLATE NOCASE NOT NULL,
    staff_id INTEGER NOT NULL,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_redemption_request_key ON redemption (request_key);
CREATE INDEX IF NOT EXISTS ix_redemption_customer_id_id ON redemption (customer_id, id);
CREATE INDEX IF NOT EXISTS ix_redemption_reward_id_customer_id ON redemption (reward_id, customer_id);
CREATE INDEX IF NOT EXISTS ix_redemption_state_id ON redemption (state, id);
