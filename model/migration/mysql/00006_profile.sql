-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS custom_field (
    id BIGINT NOT NULL AUTO_INCREMENT,
    name VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    title VARCHAR(128) NOT NULL,
    kind VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    choices TEXT NOT NULL,
    required BOOLEAN NOT NULL,
    sealed BOOLEAN NOT NULL,
    asked BOOLEAN NOT NULL,
    position BIGINT NOT NULL,
    gone_at DATETIME(3),
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_custom_field_name (name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS custom_value (
    id BIGINT NOT NULL AUTO_INCREMENT,
    customer_id BIGINT NOT NULL,
    field_id BIGINT NOT NULL,
    ordinal INT NOT NULL,
    value VARCHAR(255) NOT NULL,
    number BIGINT,
    sealed_value VARBINARY(1024),
    source VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_custom_value_customer_id_field_id_ordinal (customer_id, field_id, ordinal),
    KEY ix_custom_value_field_id_value_customer_id (field_id, value, customer_id),
    KEY ix_custom_value_field_id_number_customer_id (field_id, number, customer_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS customer_tag (
    id BIGINT NOT NULL AUTO_INCREMENT,
    customer_id BIGINT NOT NULL,
    tag_id BIGINT NOT NULL,
    source VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    source_id BIGINT NOT NULL,
    expires_at DATETIME(3),
    created_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_customer_tag_customer_id_tag_id (customer_id, tag_id),
    KEY ix_customer_tag_tag_id_customer_id (tag_id, customer_id),
    KEY ix_customer_tag_expires_at (expires_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS customer_note (
    id BIGINT NOT NULL AUTO_INCREMENT,
    customer_id BIGINT NOT NULL,
    staff_id BIGINT NOT NULL,
    body VARCHAR(2000) NOT NULL,
    gone_at DATETIME(3),
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    KEY ix_customer_note_customer_id_id (customer_id, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS customer_touch (
    id BIGINT NOT NULL AUTO_INCREMENT,
    customer_id BIGINT NOT NULL,
    place VARCHAR(8) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    source VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    account_id BIGINT NOT NULL,
    channel_code_id BIGINT NOT NULL,
    staff_id BIGINT NOT NULL,
    campaign VARCHAR(64) NOT NULL,
    link VARCHAR(255) NOT NULL,
    referrer VARCHAR(255) NOT NULL,
    scene INT NOT NULL,
    touched_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_customer_touch_customer_id_place (customer_id, place),
    KEY ix_customer_touch_place_channel_code_id_customer_id (place, channel_code_id, customer_id),
    KEY ix_customer_touch_place_campaign_customer_id (place, campaign, customer_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS quality_run (
    id BIGINT NOT NULL AUTO_INCREMENT,
    last_customer_id BIGINT NOT NULL,
    customers BIGINT NOT NULL,
    completeness_sum BIGINT NOT NULL,
    missing TEXT NOT NULL,
    started_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    finished_at DATETIME(3),
    PRIMARY KEY (id),
    KEY ix_quality_run_finished_at_id (finished_at, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS quality_finding (
    id BIGINT NOT NULL AUTO_INCREMENT,
    kind VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    customer_id BIGINT NOT NULL,
    other_id BIGINT NOT NULL,
    field VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    reason VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    run_id BIGINT NOT NULL,
    found_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_quality_finding_customer_id_kind_field_other_id (customer_id, kind, field, other_id),
    KEY ix_quality_finding_kind_id (kind, id),
    KEY ix_quality_finding_run_id (run_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
