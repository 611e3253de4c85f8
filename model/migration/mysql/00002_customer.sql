-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS customer (
    id BIGINT NOT NULL AUTO_INCREMENT,
    name VARCHAR(128) NOT NULL,
    avatar VARCHAR(1024) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    gender INT NOT NULL,
    type INT NOT NULL,
    corp_name VARCHAR(255) NOT NULL,
    city VARCHAR(64) NOT NULL,
    sealed_birthday VARBINARY(256),
    birth_md INT NOT NULL,
    minor BOOLEAN NOT NULL,
    merged_into BIGINT NOT NULL,
    first_source VARCHAR(128) NOT NULL,
    first_seen_at DATETIME(3) NOT NULL,
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    KEY ix_customer_first_seen_at_id (first_seen_at, id),
    KEY ix_customer_name (name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS identity (
    id BIGINT NOT NULL AUTO_INCREMENT,
    customer_id BIGINT NOT NULL,
    kind VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    scope VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    value VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    sealed_value VARBINARY(512),
    source VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    confidence INT NOT NULL,
    seen_at DATETIME(3),
    created_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_identity_kind_scope_value (kind, scope, value),
    KEY ix_identity_customer_id (customer_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS relation (
    id BIGINT NOT NULL AUTO_INCREMENT,
    account_id BIGINT NOT NULL,
    staff_id BIGINT NOT NULL,
    customer_id BIGINT NOT NULL,
    external_userid VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    remark VARCHAR(255) NOT NULL,
    description VARCHAR(1024) NOT NULL,
    remark_corp_name VARCHAR(255) NOT NULL,
    add_way INT NOT NULL,
    state VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    oper_userid VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    channel_code_id BIGINT NOT NULL,
    status VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    added_at DATETIME(3) NOT NULL,
    lost_at DATETIME(3),
    fingerprint VARBINARY(32),
    read_at DATETIME(3),
    seen_run_id BIGINT NOT NULL,
    remark_state VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    description_state VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    remark_error VARCHAR(255) NOT NULL,
    remark_pushed_at DATETIME(3),
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_relation_staff_id_external_userid (staff_id, external_userid),
    KEY ix_relation_customer_id (customer_id),
    KEY ix_relation_account_id_external_userid (account_id, external_userid),
    KEY ix_relation_staff_id_status_added_at (staff_id, status, added_at),
    KEY ix_relation_channel_code_id_added_at (channel_code_id, added_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS tag_group (
    id BIGINT NOT NULL AUTO_INCREMENT,
    account_id BIGINT NOT NULL,
    platform_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
    name VARCHAR(64) NOT NULL,
    mirror_of BIGINT NOT NULL,
    position BIGINT NOT NULL,
    sync_state VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    sync_error VARCHAR(255) NOT NULL,
    known_at DATETIME(3),
    gone_at DATETIME(3),
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_tag_group_account_id_platform_id (account_id, platform_id),
    KEY ix_tag_group_account_id_name (account_id, name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS tag (
    id BIGINT NOT NULL AUTO_INCREMENT,
    account_id BIGINT NOT NULL,
    group_id BIGINT NOT NULL,
    platform_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
    name VARCHAR(64) NOT NULL,
    mirror_of BIGINT NOT NULL,
    position BIGINT NOT NULL,
    sync_state VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    sync_error VARCHAR(255) NOT NULL,
    known_at DATETIME(3),
    gone_at DATETIME(3),
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_tag_account_id_platform_id (account_id, platform_id),
    KEY ix_tag_group_id (group_id),
    KEY ix_tag_mirror_of (mirror_of)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS tag_assignment (
    id BIGINT NOT NULL AUTO_INCREMENT,
    tag_id BIGINT NOT NULL,
    relation_id BIGINT NOT NULL,
    customer_id BIGINT NOT NULL,
    source VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    source_id BIGINT NOT NULL,
    sync_state VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    sync_error VARCHAR(255) NOT NULL,
    known_at DATETIME(3) NOT NULL,
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_tag_assignment_relation_id_tag_id (relation_id, tag_id),
    KEY ix_tag_assignment_tag_id_customer_id (tag_id, customer_id),
    KEY ix_tag_assignment_customer_id (customer_id),
    KEY ix_tag_assignment_sync_state_updated_at (sync_state, updated_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS event (
    id BIGINT NOT NULL AUTO_INCREMENT,
    kind VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    account_id BIGINT NOT NULL,
    customer_id BIGINT NOT NULL,
    staff_id BIGINT NOT NULL,
    source VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    item VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    value BIGINT NOT NULL,
    dedupe_key BINARY(16) NOT NULL,
    payload TEXT NOT NULL,
    occurred_at DATETIME(3) NOT NULL,
    recorded_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_event_dedupe_key (dedupe_key),
    KEY ix_event_customer_id_occurred_at_id (customer_id, occurred_at, id),
    KEY ix_event_kind_occurred_at (kind, occurred_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
