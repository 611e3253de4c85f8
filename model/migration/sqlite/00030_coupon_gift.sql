-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS coupon_gift (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    coupon_id INTEGER NOT NULL,
    coupon_version INTEGER NOT NULL,
    batch_id INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    taker_id INTEGER NOT NULL,
    state VARCHAR(16) NOT NULL,
    code_hash VARBINARY(16) NOT NULL,
    expires_at DATETIME NOT NULL,
    ended_at DATETIME,
    created_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_coupon_gift_code_hash ON coupon_gift (code_hash);
CREATE INDEX IF NOT EXISTS ix_coupon_gift_batch_id_id ON coupon_gift (batch_id, id);
CREATE INDEX IF NOT EXISTS ix_coupon_gift_coupon_id_id ON coupon_gift (coupon_id, id);
CREATE INDEX IF NOT EXISTS ix_coupon_gift_customer_id_id ON coupon_gift (customer_id, id);
CREATE INDEX IF NOT EXISTS ix_coupon_gift_taker_id_batch_id ON coupon_gift (taker_id, batch_id);
CREATE INDEX IF NOT EXISTS ix_coupon_gift_state_expires_at ON coupon_gift (state, expires_at);
