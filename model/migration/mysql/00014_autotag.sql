-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS tag_grant (
    id BIGINT NOT NULL AUTO_INCREMENT,
    customer_id BIGINT NOT NULL,
    tag_id BIGINT NOT NULL,
    source VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    source_id BIGINT NOT NULL,
    expires_at DATETIME(3),
    created_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_tag_grant_customer_id_tag_id_source_source_id (customer_id, tag_id, source, source_id),
    KEY ix_tag_grant_tag_id_customer_id (tag_id, customer_id),
    KEY ix_tag_grant_expires_at (expires_at),
    KEY ix_tag_grant_source_source_id_customer_id (source, source_id, customer_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS tag_mirror (
    id BIGINT NOT NULL AUTO_INCREMENT,
    account_id BIGINT NOT NULL,
    group_id BIGINT NOT NULL,
    tag_id BIGINT NOT NULL,
    wanted BOOLEAN NOT NULL,
    reason VARCHAR(255) NOT NULL,
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_tag_mirror_account_id_group_id_tag_id (account_id, group_id, tag_id),
    KEY ix_tag_mirror_group_id (group_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS tag_batch (
    id BIGINT NOT NULL AUTO_INCREMENT,
    action VARCHAR(8) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    tag_ids TEXT NOT NULL,
    target VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    target_id BIGINT NOT NULL,
    filter TEXT NOT NULL,
    expires_at DATETIME(3),
    staff_id BIGINT NOT NULL,
    state VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    error VARCHAR(255) NOT NULL,
    position VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    total BIGINT NOT NULL,
    done BIGINT NOT NULL,
    changed BIGINT NOT NULL,
    unchanged BIGINT NOT NULL,
    refused BIGINT NOT NULL,
    cancel_asked BOOLEAN NOT NULL,
    started_at DATETIME(3),
    ended_at DATETIME(3),
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    KEY ix_tag_batch_state_id (state, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS tag_batch_part (
    id BIGINT NOT NULL AUTO_INCREMENT,
    batch_id BIGINT NOT NULL,
    part INT NOT NULL,
    customer_ids MEDIUMTEXT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_tag_batch_part_batch_id_part (batch_id, part)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS tag_rule (
    id BIGINT NOT NULL AUTO_INCREMENT,
    name VARCHAR(128) NOT NULL,
    condition_json TEXT NOT NULL,
    occurrence_json TEXT NOT NULL,
    tag_ids TEXT NOT NULL,
    expire_days INT NOT NULL,
    take_back BOOLEAN NOT NULL,
    given BIGINT NOT NULL,
    enabled BOOLEAN NOT NULL,
    paused_reason VARCHAR(255) NOT NULL,
    version BIGINT NOT NULL,
    scan_version BIGINT NOT NULL,
    scan_reset BOOLEAN NOT NULL,
    fitting BIGINT NOT NULL,
    timed_until DATETIME(3),
    created_by BIGINT NOT NULL,
    gone_at DATETIME(3),
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    KEY ix_tag_rule_enabled_id (enabled, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS tag_rule_member (
    id BIGINT NOT NULL AUTO_INCREMENT,
    rule_id BIGINT NOT NULL,
    customer_id BIGINT NOT NULL,
    since DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_tag_rule_member_rule_id_customer_id (rule_id, customer_id),
    KEY ix_tag_rule_member_customer_id (customer_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS tag_rule_act (
    id BIGINT NOT NULL AUTO_INCREMENT,
    rule_id BIGINT NOT NULL,
    customer_id BIGINT NOT NULL,
    act VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    why VARCHAR(255) NOT NULL,
    event_id BIGINT NOT NULL,
    at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    KEY ix_tag_rule_act_rule_id_customer_id_at (rule_id, customer_id, at),
    KEY ix_tag_rule_act_rule_id_id (rule_id, id),
    KEY ix_tag_rule_act_at (at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

