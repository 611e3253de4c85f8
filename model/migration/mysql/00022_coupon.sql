-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS coupon_batch (
    id BIGINT NOT NULL AUTO_INCREMENT,
    name VARCHAR(64) NOT NULL,
    note VARCHAR(255) NOT NULL,
    kind VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    terms TEXT NOT NULL,
    rules TEXT NOT NULL,
    state VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    version BIGINT NOT NULL,
    stock BIGINT NOT NULL,
    per_customer BIGINT NOT NULL,
    per_day BIGINT NOT NULL,
    per_device BIGINT NOT NULL,
    claim_from DATETIME(3),
    claim_until DATETIME(3),
    valid_from DATETIME(3),
    valid_until DATETIME(3),
    valid_days INT NOT NULL,
    segment_id BIGINT NOT NULL,
    claimable BOOLEAN NOT NULL,
    transferable BOOLEAN NOT NULL,
    budget_count BIGINT NOT NULL,
    budget_fen BIGINT NOT NULL,
    budget_day_count BIGINT NOT NULL,
    budget_day_fen BIGINT NOT NULL,
    remind_days INT NOT NULL,
    review_at INT NOT NULL,
    created_by BIGINT NOT NULL,
    submitted_by BIGINT NOT NULL,
    approved_by BIGINT NOT NULL,
    approved_at DATETIME(3),
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    KEY ix_coupon_batch_state_id (state, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS coupon_count (
    batch_id BIGINT NOT NULL,
    state VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    version BIGINT NOT NULL,
    stock BIGINT NOT NULL,
    issued BIGINT NOT NULL,
    voided BIGINT NOT NULL,
    expired BIGINT NOT NULL,
    PRIMARY KEY (batch_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS coupon_budget (
    batch_id BIGINT NOT NULL,
    day VARCHAR(10) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    limit_count BIGINT NOT NULL,
    limit_fen BIGINT NOT NULL,
    used_count BIGINT NOT NULL,
    used_fen BIGINT NOT NULL,
    PRIMARY KEY (batch_id, day)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS coupon (
    id BIGINT NOT NULL AUTO_INCREMENT,
    batch_id BIGINT NOT NULL,
    customer_id BIGINT NOT NULL,
    claimer_id BIGINT NOT NULL,
    number INT NOT NULL,
    state VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    version INT NOT NULL,
    balance_fen BIGINT NOT NULL,
    valid_from DATETIME(3) NOT NULL,
    valid_until DATETIME(3) NOT NULL,
    source VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    source_id BIGINT NOT NULL,
    campaign_id BIGINT NOT NULL,
    journey_id BIGINT NOT NULL,
    step VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    channel_code_id BIGINT NOT NULL,
    staff_id BIGINT NOT NULL,
    use_id BIGINT NOT NULL,
    score INT NOT NULL,
    remind_at DATETIME(3),
    created_at DATETIME(3) NOT NULL,
    moved_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_coupon_claimer_id_batch_id_number (claimer_id, batch_id, number),
    KEY ix_coupon_batch_id_id (batch_id, id),
    KEY ix_coupon_customer_id_state_valid_until (customer_id, state, valid_until),
    KEY ix_coupon_state_valid_until (state, valid_until),
    KEY ix_coupon_state_remind_at (state, remind_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS coupon_entry (
    id BIGINT NOT NULL AUTO_INCREMENT,
    coupon_id BIGINT NOT NULL,
    version INT NOT NULL,
    batch_id BIGINT NOT NULL,
    customer_id BIGINT NOT NULL,
    act VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    state VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    count INT NOT NULL,
    fen BIGINT NOT NULL,
    budget_day VARCHAR(10) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    use_id BIGINT NOT NULL,
    staff_id BIGINT NOT NULL,
    api_key_id BIGINT NOT NULL,
    shop VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    reason VARCHAR(255) NOT NULL,
    at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_coupon_entry_coupon_id_version (coupon_id, version),
    KEY ix_coupon_entry_batch_id_id (batch_id, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS coupon_use (
    id BIGINT NOT NULL AUTO_INCREMENT,
    customer_id BIGINT NOT NULL,
    state VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    order_number VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    order_key VARBINARY(16),
    shop VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    api_key_id BIGINT NOT NULL,
    staff_id BIGINT NOT NULL,
    bill TEXT NOT NULL,
    total_fen BIGINT NOT NULL,
    off_fen BIGINT NOT NULL,
    returned_fen BIGINT NOT NULL,
    expires_at DATETIME(3),
    redeemed_at DATETIME(3),
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_coupon_use_order_key (order_key),
    KEY ix_coupon_use_state_expires_at (state, expires_at),
    KEY ix_coupon_use_customer_id_id (customer_id, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS coupon_use_part (
    id BIGINT NOT NULL AUTO_INCREMENT,
    use_id BIGINT NOT NULL,
    coupon_id BIGINT NOT NULL,
    batch_id BIGINT NOT NULL,
    place INT NOT NULL,
    off_fen BIGINT NOT NULL,
    returned_fen BIGINT NOT NULL,
    budget_day VARCHAR(10) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    split TEXT NOT NULL,
    PRIMARY KEY (id),
    KEY ix_coupon_use_part_use_id (use_id),
    KEY ix_coupon_use_part_coupon_id (coupon_id),
    KEY ix_coupon_use_part_batch_id_use_id (batch_id, use_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS coupon_request (
    request_key VARBINARY(16) NOT NULL,
    body VARBINARY(16) NOT NULL,
    answer VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    created_at DATETIME(3) NOT NULL,
    PRIMARY KEY (request_key),
    KEY ix_coupon_request_created_at (created_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS coupon_code (
    id BIGINT NOT NULL AUTO_INCREMENT,
    batch_id BIGINT NOT NULL,
    run_id BIGINT NOT NULL,
    code_hash VARBINARY(16) NOT NULL,
    single BOOLEAN NOT NULL,
    taken_by BIGINT NOT NULL,
    coupon_id BIGINT NOT NULL,
    taken_at DATETIME(3),
    expires_at DATETIME(3),
    PRIMARY KEY (id),
    UNIQUE KEY uq_coupon_code_code_hash (code_hash),
    KEY ix_coupon_code_batch_id_id (batch_id, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS coupon_run (
    id BIGINT NOT NULL AUTO_INCREMENT,
    kind VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    batch_id BIGINT NOT NULL,
    staff_id BIGINT NOT NULL,
    segment_id BIGINT NOT NULL,
    state VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    error VARCHAR(255) NOT NULL,
    sealed_secret VARBINARY(255),
    prefix VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    total BIGINT NOT NULL,
    done BIGINT NOT NULL,
    changed BIGINT NOT NULL,
    refused BIGINT NOT NULL,
    position BIGINT NOT NULL,
    cancel_asked BOOLEAN NOT NULL,
    started_at DATETIME(3),
    ended_at DATETIME(3),
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    KEY ix_coupon_run_batch_id_id (batch_id, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS coupon_run_part (
    id BIGINT NOT NULL AUTO_INCREMENT,
    run_id BIGINT NOT NULL,
    part INT NOT NULL,
    customer_ids MEDIUMTEXT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_coupon_run_part_run_id_part (run_id, part)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS coupon_giver (
    batch_id BIGINT NOT NULL,
    staff_id BIGINT NOT NULL,
    day VARCHAR(10) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    given BIGINT NOT NULL,
    PRIMARY KEY (batch_id, staff_id, day)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS coupon_origin (
    coupon_id BIGINT NOT NULL,
    batch_id BIGINT NOT NULL,
    device VARBINARY(16),
    address VARBINARY(16),
    at DATETIME(3) NOT NULL,
    PRIMARY KEY (coupon_id),
    KEY ix_coupon_origin_batch_id_device (batch_id, device),
    KEY ix_coupon_origin_device_at (device, at),
    KEY ix_coupon_origin_address_at (address, at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS coupon_guess (
    id BIGINT NOT NULL AUTO_INCREMENT,
    subject VARBINARY(16) NOT NULL,
    at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    KEY ix_coupon_guess_subject_at (subject, at),
    KEY ix_coupon_guess_at (at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS coupon_balance (
    id BIGINT NOT NULL AUTO_INCREMENT,
    started_at DATETIME(3) NOT NULL,
    ended_at DATETIME(3),
    batches INT NOT NULL,
    coupons BIGINT NOT NULL,
    entries BIGINT NOT NULL,
    wrong INT NOT NULL,
    findings TEXT NOT NULL,
    PRIMARY KEY (id),
    KEY ix_coupon_balance_started_at (started_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
