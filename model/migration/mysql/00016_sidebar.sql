-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS sign_in_state (
    id BIGINT NOT NULL AUTO_INCREMENT,
    state_hash VARBINARY(32) NOT NULL,
    browser_hash VARBINARY(32) NOT NULL,
    account_id BIGINT NOT NULL,
    face VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    page VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    expires_at DATETIME(3) NOT NULL,
    created_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_sign_in_state_state_hash (state_hash),
    KEY ix_sign_in_state_expires_at (expires_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS reveal (
    id BIGINT NOT NULL AUTO_INCREMENT,
    customer_id BIGINT NOT NULL,
    staff_id BIGINT NOT NULL,
    what VARCHAR(80) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    purpose VARCHAR(200) NOT NULL,
    day INT NOT NULL,
    ordinal INT NOT NULL,
    revealed_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_reveal_staff_id_day_ordinal (staff_id, day, ordinal),
    KEY ix_reveal_customer_id (customer_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
