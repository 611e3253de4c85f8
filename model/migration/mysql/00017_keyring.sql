-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS data_key (
    id BIGINT NOT NULL AUTO_INCREMENT,
    purpose VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    generation INT NOT NULL,
    sealed_key VARBINARY(255) NOT NULL,
    active_at DATETIME(3) NOT NULL,
    created_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_data_key_purpose_generation (purpose, generation)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS key_rotation (
    id BIGINT NOT NULL AUTO_INCREMENT,
    purpose VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    generation INT NOT NULL,
    pass INT NOT NULL,
    stage INT NOT NULL,
    after_id BIGINT NOT NULL,
    changed BIGINT NOT NULL,
    resealed BIGINT NOT NULL,
    unreadable BIGINT NOT NULL,
    started_at DATETIME(3) NOT NULL,
    finished_at DATETIME(3),
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_key_rotation_purpose_generation (purpose, generation)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS phone_number (
    id BIGINT NOT NULL AUTO_INCREMENT,
    value VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    sealed_number VARBINARY(255) NOT NULL,
    created_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_phone_number_value (value)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
