-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS points_account (
    id BIGINT NOT NULL AUTO_INCREMENT,
    customer_id BIGINT NOT NULL,
    balance BIGINT NOT NULL,
    frozen BIGINT NOT NULL,
    earned BIGINT NOT NULL,
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_points_account_customer_id (customer_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS points_entry (
    id BIGINT NOT NULL AUTO_INCREMENT,
    customer_id BIGINT NOT NULL,
    entry_key VARCHAR(96) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    kind VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    from_book VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    to_book VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    points BIGINT NOT NULL,
    origin_id BIGINT NOT NULL,
    rule_id BIGINT NOT NULL,
    source VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    source_id BIGINT NOT NULL,
    staff_id BIGINT NOT NULL,
    reason VARCHAR(128) NOT NULL,
    created_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_points_entry_entry_key (entry_key),
    KEY ix_points_entry_customer_id_id (customer_id, id),
    KEY ix_points_entry_customer_id_rule_id_created_at (customer_id, rule_id, created_at),
    KEY ix_points_entry_origin_id (origin_id),
    KEY ix_points_entry_source_source_id (source, source_id),
    KEY ix_points_entry_created_at (created_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS points_lot (
    id BIGINT NOT NULL AUTO_INCREMENT,
    customer_id BIGINT NOT NULL,
    entry_id BIGINT NOT NULL,
    points BIGINT NOT NULL,
    remaining BIGINT NOT NULL,
    expires_at DATETIME(3),
    created_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    KEY ix_points_lot_entry_id (entry_id),
    KEY ix_points_lot_customer_id_expires_at (customer_id, expires_at),
    KEY ix_points_lot_expires_at (expires_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS points_use (
    entry_id BIGINT NOT NULL,
    lot_id BIGINT NOT NULL,
    points BIGINT NOT NULL,
    PRIMARY KEY (entry_id, lot_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS points_rule (
    id BIGINT NOT NULL AUTO_INCREMENT,
    name VARCHAR(64) NOT NULL,
    event_kind VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    points BIGINT NOT NULL,
    per_fen BIGINT NOT NULL,
    per_day BIGINT NOT NULL,
    per_month BIGINT NOT NULL,
    in_all BIGINT NOT NULL,
    valid_days INT NOT NULL,
    tiered BOOLEAN NOT NULL,
    enabled BOOLEAN NOT NULL,
    valid_from DATETIME(3),
    valid_until DATETIME(3),
    version BIGINT NOT NULL,
    changed_by BIGINT NOT NULL,
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS check_in (
    id BIGINT NOT NULL AUTO_INCREMENT,
    customer_id BIGINT NOT NULL,
    day INT NOT NULL,
    streak INT NOT NULL,
    points BIGINT NOT NULL,
    created_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_check_in_customer_id_day (customer_id, day)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS tier (
    id BIGINT NOT NULL AUTO_INCREMENT,
    level INT NOT NULL,
    name VARCHAR(32) NOT NULL,
    threshold_fen BIGINT NOT NULL,
    multiplier_bp INT NOT NULL,
    benefits TEXT NOT NULL,
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_tier_level (level)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS customer_tier (
    id BIGINT NOT NULL AUTO_INCREMENT,
    customer_id BIGINT NOT NULL,
    level INT NOT NULL,
    value_fen BIGINT NOT NULL,
    since DATETIME(3) NOT NULL,
    keep_until DATETIME(3),
    looked_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_customer_tier_customer_id (customer_id),
    KEY ix_customer_tier_keep_until (keep_until)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS tier_change (
    id BIGINT NOT NULL AUTO_INCREMENT,
    customer_id BIGINT NOT NULL,
    from_level INT NOT NULL,
    to_level INT NOT NULL,
    value_fen BIGINT NOT NULL,
    cause VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    created_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    KEY ix_tier_change_customer_id_id (customer_id, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS loyalty_setting (
    id BIGINT NOT NULL AUTO_INCREMENT,
    body TEXT NOT NULL,
    version BIGINT NOT NULL,
    changed_by BIGINT NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS reward (
    id BIGINT NOT NULL AUTO_INCREMENT,
    name VARCHAR(64) NOT NULL,
    note VARCHAR(255) NOT NULL,
    kind VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    batch_id BIGINT NOT NULL,
    price BIGINT NOT NULL,
    stock BIGINT NOT NULL,
    taken BIGINT NOT NULL,
    per_customer BIGINT NOT NULL,
    min_level INT NOT NULL,
    enabled BOOLEAN NOT NULL,
    valid_from DATETIME(3),
    valid_until DATETIME(3),
    version BIGINT NOT NULL,
    changed_by BIGINT NOT NULL,
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS redemption (
    id BIGINT NOT NULL AUTO_INCREMENT,
    reward_id BIGINT NOT NULL,
    customer_id BIGINT NOT NULL,
    request_key VARCHAR(96) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    points BIGINT NOT NULL,
    state VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    entry_id BIGINT NOT NULL,
    coupon_id BIGINT NOT NULL,
    note VARCHAR(255) NOT NULL,
    staff_id BIGINT NOT NULL,
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_redemption_request_key (request_key),
    KEY ix_redemption_customer_id_id (customer_id, id),
    KEY ix_redemption_reward_id_customer_id (reward_id, customer_id),
    KEY ix_redemption_state_id (state, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
