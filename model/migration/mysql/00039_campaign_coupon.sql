-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS campaign_coupon (
    variant_id BIGINT NOT NULL,
    campaign_id BIGINT NOT NULL,
    batch_id BIGINT NOT NULL,
    PRIMARY KEY (variant_id),
    KEY ix_campaign_coupon_campaign_id (campaign_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
