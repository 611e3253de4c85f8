-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS campaign (
    id BIGINT NOT NULL AUTO_INCREMENT,
    name VARCHAR(64) NOT NULL,
    note VARCHAR(255) NOT NULL,
    code VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    state VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    reason VARCHAR(255) NOT NULL,
    channel VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    account_id BIGINT NOT NULL,
    audience TEXT NOT NULL,
    schedule TEXT NOT NULL,
    topic VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    priority INT NOT NULL,
    keep_hours INT NOT NULL,
    holdout_bp INT NOT NULL,
    canary TEXT NOT NULL,
    goal TEXT NOT NULL,
    version BIGINT NOT NULL,
    asked_by BIGINT NOT NULL,
    approved_by BIGINT NOT NULL,
    approved BIGINT NOT NULL,
    approval_size BIGINT NOT NULL,
    next_at DATETIME(3),
    runs BIGINT NOT NULL,
    created_by BIGINT NOT NULL,
    changed_by BIGINT NOT NULL,
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_campaign_code (code),
    KEY ix_campaign_state_id (state, id),
    KEY ix_campaign_next_at (next_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS campaign_variant (
    id BIGINT NOT NULL AUTO_INCREMENT,
    campaign_id BIGINT NOT NULL,
    name VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    share_bp INT NOT NULL,
    message_id BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_campaign_variant_campaign_id_name (campaign_id, name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS campaign_run (
    id BIGINT NOT NULL AUTO_INCREMENT,
    campaign_id BIGINT NOT NULL,
    number BIGINT NOT NULL,
    planned_for DATETIME(3) NOT NULL,
    state VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    reason VARCHAR(255) NOT NULL,
    frozen_to BIGINT NOT NULL,
    members BIGINT NOT NULL,
    excluded BIGINT NOT NULL,
    held_out BIGINT NOT NULL,
    planned BIGINT NOT NULL,
    started_at DATETIME(3) NOT NULL,
    frozen_at DATETIME(3),
    canary_at DATETIME(3),
    launched_at DATETIME(3),
    count_until DATETIME(3),
    reported_at DATETIME(3),
    ended_at DATETIME(3),
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_campaign_run_campaign_id_planned_for (campaign_id, planned_for),
    KEY ix_campaign_run_campaign_id_number (campaign_id, number),
    KEY ix_campaign_run_state_id (state, id),
    KEY ix_campaign_run_count_until (count_until)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS campaign_member (
    run_id BIGINT NOT NULL,
    customer_id BIGINT NOT NULL,
    target_id BIGINT NOT NULL,
    variant_id BIGINT NOT NULL,
    canary BOOLEAN NOT NULL,
    excluded VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    PRIMARY KEY (run_id, customer_id, target_id),
    KEY ix_campaign_member_customer_id (customer_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS campaign_arm (
    run_id BIGINT NOT NULL,
    variant_id BIGINT NOT NULL,
    members BIGINT NOT NULL,
    converted BIGINT NOT NULL,
    times BIGINT NOT NULL,
    value_fen BIGINT NOT NULL,
    counted_at DATETIME(3) NOT NULL,
    PRIMARY KEY (run_id, variant_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS short_link (
    id BIGINT NOT NULL AUTO_INCREMENT,
    code VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    campaign_id BIGINT NOT NULL,
    target VARCHAR(1024) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    kind VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    created_by BIGINT NOT NULL,
    gone_at DATETIME(3),
    created_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_short_link_code (code),
    KEY ix_short_link_campaign_id_id (campaign_id, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS short_link_day (
    link_id BIGINT NOT NULL,
    day INT NOT NULL,
    visits BIGINT NOT NULL,
    PRIMARY KEY (link_id, day)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
