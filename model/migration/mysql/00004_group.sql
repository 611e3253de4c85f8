-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS customer_group (
    id BIGINT NOT NULL AUTO_INCREMENT,
    account_id BIGINT NOT NULL,
    chat_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    name VARCHAR(255) NOT NULL,
    notice TEXT NOT NULL,
    owner_userid VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    owner_staff_id BIGINT NOT NULL,
    member_version VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    member_count BIGINT NOT NULL,
    customer_count BIGINT NOT NULL,
    founded_at DATETIME(3) NOT NULL,
    dismissed_at DATETIME(3),
    seen_run_id BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_customer_group_account_id_chat_id (account_id, chat_id),
    KEY ix_customer_group_owner_staff_id (owner_staff_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS group_member (
    id BIGINT NOT NULL AUTO_INCREMENT,
    group_id BIGINT NOT NULL,
    userid VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    kind VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    staff_id BIGINT NOT NULL,
    customer_id BIGINT NOT NULL,
    name VARCHAR(128) NOT NULL,
    nickname VARCHAR(128) NOT NULL,
    join_scene INT NOT NULL,
    invited_by VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    state VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    joined_at DATETIME(3) NOT NULL,
    left_at DATETIME(3),
    quit_scene INT NOT NULL,
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_group_member_group_id_userid_joined_at (group_id, userid, joined_at),
    KEY ix_group_member_customer_id (customer_id),
    KEY ix_group_member_userid (userid),
    KEY ix_group_member_joined_at (joined_at),
    KEY ix_group_member_left_at (left_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
