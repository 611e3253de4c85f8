-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS coupon_gift_origin (
    gift_id INTEGER PRIMARY KEY,
    coupon_id INTEGER NOT NULL,
    batch_id INTEGER NOT NULL,
    device VARBINARY(16) NOT NULL,
    at DATETIME NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_coupon_gift_origin_batch_id_device ON coupon_gift_origin (batch_id, device);
