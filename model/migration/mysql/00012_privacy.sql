-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS visit (
    id BIGINT NOT NULL AUTO_INCREMENT,
    account_id BIGINT NOT NULL,
    customer_id BIGINT NOT NULL,
    staff_id BIGINT NOT NULL,
    token_hash VARBINARY(32) NOT NULL,
    user_agent VARCHAR(255) NOT NULL,
    seen_at DATETIME(3) NOT NULL,
    expires_at DATETIME(3) NOT NULL,
    revoked_at DATETIME(3),
    created_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_visit_token_hash (token_hash),
    KEY ix_visit_customer_id (customer_id),
    KEY ix_visit_staff_id (staff_id),
    KEY ix_visit_expires_at (expires_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS visit_count (
    id BIGINT NOT NULL AUTO_INCREMENT,
    customer_id BIGINT NOT NULL,
    kind VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    day INT NOT NULL,
    times INT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_visit_count_customer_id_kind_day (customer_id, kind, day),
    KEY ix_visit_count_day (day)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS used_code (
    id BIGINT NOT NULL AUTO_INCREMENT,
    code_hash VARBINARY(32) NOT NULL,
    ends_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_used_code_code_hash (code_hash),
    KEY ix_used_code_ends_at (ends_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS notice (
    id BIGINT NOT NULL AUTO_INCREMENT,
    purpose VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    version INT NOT NULL,
    title VARCHAR(128) NOT NULL,
    body MEDIUMTEXT NOT NULL,
    digest VARBINARY(32) NOT NULL,
    explicit BOOLEAN NOT NULL,
    staff_id BIGINT NOT NULL,
    effective_at DATETIME(3) NOT NULL,
    created_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_notice_purpose_version (purpose, version)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS consent (
    id BIGINT NOT NULL AUTO_INCREMENT,
    customer_id BIGINT NOT NULL,
    purpose VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    ordinal INT NOT NULL,
    given BOOLEAN NOT NULL,
    notice_version INT NOT NULL,
    notice_digest VARBINARY(32),
    channel VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    proof VARCHAR(255) NOT NULL,
    sealed_guardian VARBINARY(512),
    staff_id BIGINT NOT NULL,
    created_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_consent_customer_id_purpose_ordinal (customer_id, purpose, ordinal),
    KEY ix_consent_purpose_created_at (purpose, created_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS contact_choice (
    id BIGINT NOT NULL AUTO_INCREMENT,
    customer_id BIGINT NOT NULL,
    channel VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    ordinal INT NOT NULL,
    choice VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    source VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    staff_id BIGINT NOT NULL,
    reason VARCHAR(255) NOT NULL,
    created_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_contact_choice_customer_id_channel_ordinal (customer_id, channel, ordinal)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS privacy_request (
    id BIGINT NOT NULL AUTO_INCREMENT,
    customer_id BIGINT NOT NULL,
    kind VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    state VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    open_key VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
    source VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    staff_id BIGINT NOT NULL,
    note VARCHAR(255) NOT NULL,
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    finished_at DATETIME(3),
    PRIMARY KEY (id),
    UNIQUE KEY uq_privacy_request_open_key (open_key),
    KEY ix_privacy_request_state_id (state, id),
    KEY ix_privacy_request_customer_id_id (customer_id, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
