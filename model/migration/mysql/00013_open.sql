-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS api_key (
    id BIGINT NOT NULL AUTO_INCREMENT,
    key_id VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    name VARCHAR(64) NOT NULL,
    permissions TEXT NOT NULL,
    networks TEXT NOT NULL,
    per_minute INT NOT NULL,
    sealed_secret VARBINARY(255) NOT NULL,
    sealed_old_secret VARBINARY(255),
    old_until DATETIME(3),
    revoked_at DATETIME(3),
    last_used_at DATETIME(3),
    created_by BIGINT NOT NULL,
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_api_key_key_id (key_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS api_nonce (
    id BIGINT NOT NULL AUTO_INCREMENT,
    api_key_id BIGINT NOT NULL,
    nonce VARBINARY(32) NOT NULL,
    expires_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_api_nonce_api_key_id_nonce (api_key_id, nonce),
    KEY ix_api_nonce_expires_at (expires_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS webhook (
    id BIGINT NOT NULL AUTO_INCREMENT,
    name VARCHAR(64) NOT NULL,
    url VARCHAR(1024) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    kinds TEXT NOT NULL,
    sealed_secret VARBINARY(255) NOT NULL,
    sealed_old_secret VARBINARY(255),
    old_until DATETIME(3),
    enabled BOOLEAN NOT NULL,
    failing_since DATETIME(3),
    suspended_at DATETIME(3),
    created_by BIGINT NOT NULL,
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS webhook_delivery (
    id BIGINT NOT NULL AUTO_INCREMENT,
    webhook_id BIGINT NOT NULL,
    event_id BIGINT NOT NULL,
    kind VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    dedupe_key VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    state VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    attempts INT NOT NULL,
    last_status INT NOT NULL,
    created_at DATETIME(3) NOT NULL,
    ended_at DATETIME(3),
    PRIMARY KEY (id),
    UNIQUE KEY uq_webhook_delivery_dedupe_key (dedupe_key),
    KEY ix_webhook_delivery_webhook_id_id (webhook_id, id),
    KEY ix_webhook_delivery_created_at (created_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS webhook_attempt (
    id BIGINT NOT NULL AUTO_INCREMENT,
    delivery_id BIGINT NOT NULL,
    number INT NOT NULL,
    started_at DATETIME(3) NOT NULL,
    took_ms BIGINT NOT NULL,
    outcome VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    status INT NOT NULL,
    response VARCHAR(255) NOT NULL,
    PRIMARY KEY (id),
    KEY ix_webhook_attempt_delivery_id_number (delivery_id, number)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
