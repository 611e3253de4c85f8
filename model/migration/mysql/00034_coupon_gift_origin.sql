-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS coupon_gift_origin (
    gift_id BIGINT NOT NULL,
    coupon_id BIGINT NOT NULL,
    batch_id BIGINT NOT NULL,
    device VARBINARY(16) NOT NULL,
    at DATETIME(3) NOT NULL,
    PRIMARY KEY (gift_id),
    KEY ix_coupon_gift_origin_batch_id_device (batch_id, device)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
