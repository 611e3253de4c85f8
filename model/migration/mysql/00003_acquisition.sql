-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS channel_code (
    id BIGINT NOT NULL AUTO_INCREMENT,
    account_id BIGINT NOT NULL,
    name VARCHAR(64) NOT NULL,
    state VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    source_name VARCHAR(64) NOT NULL,
    remark_pattern VARCHAR(64) NOT NULL,
    skip_verify BOOLEAN NOT NULL,
    config_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    qr_code VARCHAR(512) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    creating_since DATETIME(3),
    pushed_hash VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    push_error VARCHAR(255) NOT NULL,
    pushed_at DATETIME(3),
    enabled BOOLEAN NOT NULL,
    created_by BIGINT NOT NULL,
    gone_at DATETIME(3),
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_channel_code_state (state),
    KEY ix_channel_code_account_id_id (account_id, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS channel_code_staff (
    id BIGINT NOT NULL AUTO_INCREMENT,
    channel_code_id BIGINT NOT NULL,
    staff_id BIGINT NOT NULL,
    daily_limit INT NOT NULL,
    is_spare BOOLEAN NOT NULL,
    refused_until DATETIME(3),
    PRIMARY KEY (id),
    UNIQUE KEY uq_channel_code_staff_channel_code_id_staff_id (channel_code_id, staff_id),
    KEY ix_channel_code_staff_staff_id (staff_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS channel_code_shift (
    id BIGINT NOT NULL AUTO_INCREMENT,
    channel_code_id BIGINT NOT NULL,
    staff_id BIGINT NOT NULL,
    weekdays INT NOT NULL,
    from_minute INT NOT NULL,
    to_minute INT NOT NULL,
    PRIMARY KEY (id),
    KEY ix_channel_code_shift_channel_code_id_staff_id (channel_code_id, staff_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS channel_code_tag (
    id BIGINT NOT NULL AUTO_INCREMENT,
    channel_code_id BIGINT NOT NULL,
    tag_id BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_channel_code_tag_channel_code_id_tag_id (channel_code_id, tag_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS channel_code_day (
    id BIGINT NOT NULL AUTO_INCREMENT,
    channel_code_id BIGINT NOT NULL,
    staff_id BIGINT NOT NULL,
    day VARCHAR(10) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    added BIGINT NOT NULL,
    lost BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_channel_code_day_channel_code_id_staff_id_day (channel_code_id, staff_id, day),
    KEY ix_channel_code_day_channel_code_id_day (channel_code_id, day)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS welcome (
    id BIGINT NOT NULL AUTO_INCREMENT,
    account_id BIGINT NOT NULL,
    scope VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    scope_id BIGINT NOT NULL,
    text TEXT NOT NULL,
    attachments TEXT NOT NULL,
    enabled BOOLEAN NOT NULL,
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_welcome_account_id_scope_scope_id (account_id, scope, scope_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS welcome_send (
    id BIGINT NOT NULL AUTO_INCREMENT,
    account_id BIGINT NOT NULL,
    code_hash VARBINARY(32) NOT NULL,
    staff_id BIGINT NOT NULL,
    external_userid VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    welcome_id BIGINT NOT NULL,
    channel_code_id BIGINT NOT NULL,
    outcome VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    errcode BIGINT NOT NULL,
    reason VARCHAR(255) NOT NULL,
    last_fence BIGINT NOT NULL,
    in_doubt BOOLEAN NOT NULL,
    received_at DATETIME(3) NOT NULL,
    sent_at DATETIME(3),
    latency_ms BIGINT NOT NULL,
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_welcome_send_account_id_code_hash (account_id, code_hash),
    KEY ix_welcome_send_account_id_received_at (account_id, received_at),
    KEY ix_welcome_send_outcome_received_at (outcome, received_at),
    KEY ix_welcome_send_channel_code_id_received_at (channel_code_id, received_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS media (
    id BIGINT NOT NULL AUTO_INCREMENT,
    account_id BIGINT NOT NULL,
    kind VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    name VARCHAR(255) NOT NULL,
    mime VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    size BIGINT NOT NULL,
    sha256 VARBINARY(32) NOT NULL,
    media_id VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    uploaded_at DATETIME(3),
    expires_at DATETIME(3),
    upload_error VARCHAR(255) NOT NULL,
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_media_account_id_kind_sha256 (account_id, kind, sha256),
    KEY ix_media_expires_at (expires_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS media_content (
    media_row_id BIGINT NOT NULL,
    part INT NOT NULL,
    content MEDIUMBLOB NOT NULL,
    PRIMARY KEY (media_row_id, part)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
