-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS customer_lifecycle (
    id BIGINT NOT NULL AUTO_INCREMENT,
    customer_id BIGINT NOT NULL,
    stage VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    stage_since DATETIME(3) NOT NULL,
    stage_changes BIGINT NOT NULL,
    lapsed_at DATETIME(3),
    recency INT NOT NULL,
    frequency INT NOT NULL,
    monetary INT NOT NULL,
    value_score BIGINT NOT NULL,
    value_grade VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    risk_score INT NOT NULL,
    risk_grade VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    alive_bp BIGINT NOT NULL,
    expected_fen BIGINT NOT NULL,
    computed_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_customer_lifecycle_customer_id (customer_id),
    KEY ix_customer_lifecycle_stage_customer_id (stage, customer_id),
    KEY ix_customer_lifecycle_value_score_customer_id (value_score, customer_id),
    KEY ix_customer_lifecycle_expected_fen_customer_id (expected_fen, customer_id),
    KEY ix_customer_lifecycle_recency_frequency_monetary (recency, frequency, monetary),
    KEY ix_customer_lifecycle_stage_since (stage_since)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS stage_change (
    id BIGINT NOT NULL AUTO_INCREMENT,
    customer_id BIGINT NOT NULL,
    number BIGINT NOT NULL,
    from_stage VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    to_stage VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    day INT NOT NULL,
    cause VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    changed_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_stage_change_customer_id_number (customer_id, number),
    KEY ix_stage_change_day_from_stage_to_stage (day, from_stage, to_stage)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS lifecycle_stage (
    id BIGINT NOT NULL AUTO_INCREMENT,
    name VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    title VARCHAR(64) NOT NULL,
    phase VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    position INT NOT NULL,
    enter_rule TEXT NOT NULL,
    stay_rule TEXT NOT NULL,
    hold_days INT NOT NULL,
    lapse BOOLEAN NOT NULL,
    playbook TEXT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_lifecycle_stage_name (name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS lifecycle_setting (
    id BIGINT NOT NULL AUTO_INCREMENT,
    slot INT NOT NULL,
    revision BIGINT NOT NULL,
    body TEXT NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_lifecycle_setting_slot (slot)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS lifecycle_run (
    id BIGINT NOT NULL AUTO_INCREMENT,
    running_slot INT,
    status VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    cause VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    phase VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    done_id BIGINT NOT NULL,
    total BIGINT NOT NULL,
    finished BIGINT NOT NULL,
    changed BIGINT NOT NULL,
    basis_id BIGINT NOT NULL,
    error VARCHAR(255) NOT NULL,
    started_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    finished_at DATETIME(3),
    PRIMARY KEY (id),
    UNIQUE KEY uq_lifecycle_run_running_slot (running_slot)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS lifecycle_basis (
    id BIGINT NOT NULL AUTO_INCREMENT,
    day INT NOT NULL,
    body MEDIUMTEXT NOT NULL,
    created_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS stage_day (
    id BIGINT NOT NULL AUTO_INCREMENT,
    day INT NOT NULL,
    stage VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    customers BIGINT NOT NULL,
    value_score BIGINT NOT NULL,
    expected_fen BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_stage_day_day_stage (day, stage)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
