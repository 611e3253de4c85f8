-- +goose NO TRANSACTION
-- +goose Up
CREATE INDEX IF NOT EXISTS ix_coupon_use_redeemed_at ON coupon_use (redeemed_at);
CREATE INDEX IF NOT EXISTS ix_customer_tier_since ON customer_tier (since);
