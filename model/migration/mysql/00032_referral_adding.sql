-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS personal_code (
    id BIGINT NOT NULL,
    pattern_id BIGINT NOT NULL,
    PRIMARY KEY (id),
    KEY ix_personal_code_pattern_id (pattern_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS referral_adding (
    programme_id BIGINT NOT NULL,
    channel_code_id BIGINT NOT NULL,
    most BIGINT NOT NULL,
    keep_days INT NOT NULL,
    used BIGINT NOT NULL,
    PRIMARY KEY (programme_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS referral_way (
    id BIGINT NOT NULL,
    programme_id BIGINT NOT NULL,
    code_id BIGINT NOT NULL,
    PRIMARY KEY (id),
    KEY ix_referral_way_programme_id_id (programme_id, id),
    KEY ix_referral_way_code_id (code_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
