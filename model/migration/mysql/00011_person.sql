-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS customer_merge (
    id BIGINT NOT NULL AUTO_INCREMENT,
    customer_id BIGINT NOT NULL,
    other_id BIGINT NOT NULL,
    reason VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    identity_kind VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    identity_scope VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    source VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    confidence INT NOT NULL,
    staff_id BIGINT NOT NULL,
    kept_before TEXT NOT NULL,
    kept_after TEXT NOT NULL,
    merged_at DATETIME(3) NOT NULL,
    undone_at DATETIME(3),
    undone_by BIGINT NOT NULL,
    PRIMARY KEY (id),
    KEY ix_customer_merge_customer_id_id (customer_id, id),
    KEY ix_customer_merge_other_id_id (other_id, id),
    KEY ix_customer_merge_merged_at_id (merged_at, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS merge_move (
    id BIGINT NOT NULL AUTO_INCREMENT,
    merge_id BIGINT NOT NULL,
    owner VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    journal MEDIUMTEXT NOT NULL,
    PRIMARY KEY (id),
    KEY ix_merge_move_merge_id_id (merge_id, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS merge_review (
    id BIGINT NOT NULL AUTO_INCREMENT,
    pair VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    customer_id BIGINT NOT NULL,
    other_id BIGINT NOT NULL,
    reason VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    identity_kind VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    identity_scope VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    source VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    confidence INT NOT NULL,
    account_id BIGINT NOT NULL,
    status VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    merge_id BIGINT NOT NULL,
    found_at DATETIME(3) NOT NULL,
    decided_at DATETIME(3),
    decided_by BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_merge_review_pair (pair),
    KEY ix_merge_review_status_id (status, id),
    KEY ix_merge_review_customer_id (customer_id),
    KEY ix_merge_review_other_id (other_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS customer_change (
    id BIGINT NOT NULL AUTO_INCREMENT,
    customer_id BIGINT NOT NULL,
    field VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    old_value TEXT NOT NULL,
    new_value TEXT NOT NULL,
    seal_ref VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    source VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    staff_id BIGINT NOT NULL,
    changed_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    KEY ix_customer_change_customer_id_changed_at_id (customer_id, changed_at, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS id_conversion (
    id BIGINT NOT NULL AUTO_INCREMENT,
    account_id BIGINT NOT NULL,
    customer_id BIGINT NOT NULL,
    union_id VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    open_id VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    app_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    status VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    pending_id VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    pending_until DATETIME(3),
    external_userid VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    errcode BIGINT NOT NULL,
    asked_at DATETIME(3),
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_id_conversion_account_id_union_id (account_id, union_id),
    KEY ix_id_conversion_customer_id (customer_id),
    KEY ix_id_conversion_account_id_pending_id (account_id, pending_id),
    KEY ix_id_conversion_status_pending_until (status, pending_until)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
