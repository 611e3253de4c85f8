-- +goose NO TRANSACTION
-- +goose Up
-- By these, rules of segments that ask about the last days find whom the passing of a day concerns. MySQL has no CREATE INDEX IF NOT EXISTS.
SET @missing = (SELECT COUNT(*) = 0 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'coupon_use' AND index_name = 'ix_coupon_use_redeemed_at');
SET @step = IF(@missing, 'CREATE INDEX ix_coupon_use_redeemed_at ON coupon_use (redeemed_at)', 'DO 0');
PREPARE step FROM @step;
EXECUTE step;
DEALLOCATE PREPARE step;

SET @missing = (SELECT COUNT(*) = 0 FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'customer_tier' AND index_name = 'ix_customer_tier_since');
SET @step = IF(@missing, 'CREATE INDEX ix_customer_tier_since ON customer_tier (since)', 'DO 0');
PREPARE step FROM @step;
EXECUTE step;
DEALLOCATE PREPARE step;
