-- +goose NO TRANSACTION
-- +goose Up
-- What operators decide about contacts: every revision stays, the newest is in force.
CREATE TABLE IF NOT EXISTS governor_setting (
    id BIGINT NOT NULL AUTO_INCREMENT,
    revision BIGINT NOT NULL,
    body TEXT NOT NULL,
    staff_id BIGINT NOT NULL,
    created_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_governor_setting_revision (revision)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

-- One row per customer with what they have been sent of late. Whoever lets a message leave locks it.
CREATE TABLE IF NOT EXISTS contact_book (
    id BIGINT NOT NULL AUTO_INCREMENT,
    customer_id BIGINT NOT NULL,
    marks TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_contact_book_customer_id (customer_id),
    KEY ix_contact_book_updated_at (updated_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

-- How often something was not let out, or not yet: one row per batch and reason, so that nobody waits for anybody.
CREATE TABLE IF NOT EXISTS contact_refusal (
    id BIGINT NOT NULL AUTO_INCREMENT,
    channel VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    source VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    source_id BIGINT NOT NULL,
    reason VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    final BOOLEAN NOT NULL,
    times BIGINT NOT NULL,
    created_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    KEY ix_contact_refusal_created_at (created_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

-- The share of customers whom one source never writes to, in basis points.
CREATE TABLE IF NOT EXISTS source_holdout (
    id BIGINT NOT NULL AUTO_INCREMENT,
    source VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    source_id BIGINT NOT NULL,
    share INT NOT NULL,
    created_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_source_holdout_source_source_id (source, source_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS message (
    id BIGINT NOT NULL AUTO_INCREMENT,
    name VARCHAR(128) NOT NULL,
    topic VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    version INT NOT NULL,
    created_by BIGINT NOT NULL,
    gone_at DATETIME(3),
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS message_version (
    id BIGINT NOT NULL AUTO_INCREMENT,
    message_id BIGINT NOT NULL,
    version INT NOT NULL,
    channels VARCHAR(512) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    body MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    hash BINARY(32) NOT NULL,
    personal BOOLEAN NOT NULL,
    findings TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    staff_id BIGINT NOT NULL,
    accepted_by BIGINT NOT NULL,
    accepted_at DATETIME(3),
    created_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_message_version_message_id_version (message_id, version)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

-- What must not be said, and which addresses may be linked: every revision stays, the newest is in force.
CREATE TABLE IF NOT EXISTS message_policy (
    id BIGINT NOT NULL AUTO_INCREMENT,
    revision BIGINT NOT NULL,
    body MEDIUMTEXT NOT NULL,
    staff_id BIGINT NOT NULL,
    created_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_message_policy_revision (revision)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

-- Whoever has turned out to be a customer is looked up by it, thousands at a time. MySQL has no CREATE INDEX IF NOT EXISTS.
SET @missing = (SELECT COUNT(*) = 0 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'customer' AND index_name = 'ix_customer_merged_into');
SET @step = IF(@missing, 'CREATE INDEX ix_customer_merged_into ON customer (merged_into)', 'DO 0');
PREPARE step FROM @step;
EXECUTE step;
DEALLOCATE PREPARE step;
