-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS personal_code (
    id INTEGER PRIMARY KEY,
    pattern_id INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_personal_code_pattern_id ON personal_code (pattern_id);

CREATE TABLE IF NOT EXISTS referral_adding (
    programme_id INTEGER PRIMARY KEY,
    channel_code_id INTEGER NOT NULL,
    most INTEGER NOT NULL,
    keep_days INTEGER NOT NULL,
    used INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS referral_way (
    id INTEGER PRIMARY KEY,
    programme_id INTEGER NOT NULL,
    code_id INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_referral_way_programme_id_id ON referral_way (programme_id, id);
CREATE INDEX IF NOT EXISTS ix_referral_way_code_id ON referral_way (code_id);
