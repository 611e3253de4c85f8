-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS campaign_coupon (
    variant_id INTEGER PRIMARY KEY,
    campaign_id INTEGER NOT NULL,
    batch_id INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_campaign_coupon_campaign_id ON campaign_coupon (campaign_id);
