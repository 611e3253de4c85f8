-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS customer_lifecycle (
    id BIGINT NOT NULL AUTO_INCREMENT,
    customer_id BIGINT NOT NULL,
    stage VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    stage_since DATETIME(3) NOT NULL,
    recency INT NOT NULL,
    frequency INT NOT NULL,
    monetary INT NOT NULL,
    value_score BIGINT NOT NULL,
    value_grade VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    alive_bp BIGINT NOT NULL,
    expected_fen BIGINT NOT NULL,
    computed_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_customer_lifecycle_customer_id (customer_id),
    KEY ix_customer_lifecycle_stage_customer_id (stage, customer_id),
    KEY ix_customer_lifecycle_value_score_customer_id (value_score, customer_id),
    KEY ix_customer_lifecycle_expected_fen_customer_id (expected_fen, customer_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
