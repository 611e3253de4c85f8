-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS role_request (
    id BIGINT NOT NULL AUTO_INCREMENT,
    staff_id BIGINT NOT NULL,
    roles VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    state VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    asked_by BIGINT NOT NULL,
    decided_by BIGINT NOT NULL,
    decided_at DATETIME(3) NULL,
    created_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    KEY ix_role_request_staff_id_state (staff_id, state)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS export_approval (
    export_id BIGINT NOT NULL,
    approved BOOLEAN NOT NULL,
    decided_by BIGINT NOT NULL,
    decided_at DATETIME(3) NOT NULL,
    PRIMARY KEY (export_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
