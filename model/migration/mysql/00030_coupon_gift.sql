-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS coupon_gift (
    id BIGINT NOT NULL AUTO_INCREMENT,
    coupon_id BIGINT NOT NULL,
    coupon_version INT NOT NULL,
    batch_id BIGINT NOT NULL,
    customer_id BIGINT NOT NULL,
    taker_id BIGINT NOT NULL,
    state VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    code_hash VARBINARY(16) NOT NULL,
    expires_at DATETIME(3) NOT NULL,
    ended_at DATETIME(3),
    created_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_coupon_gift_code_hash (code_hash),
    KEY ix_coupon_gift_batch_id_id (batch_id, id),
    KEY ix_coupon_gift_coupon_id_id (coupon_id, id),
    KEY ix_coupon_gift_customer_id_id (customer_id, id),
    KEY ix_coupon_gift_taker_id_batch_id (taker_id, batch_id),
    KEY ix_coupon_gift_state_expires_at (state, expires_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
