-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS coupon_batch (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name VARCHAR(64) COLLATE NOCASE NOT NULL,
    note VARCHAR(255) COLLATE NOCASE NOT NULL,
    kind VARCHAR(32) NOT NULL,
    terms TEXT NOT NULL,
    rules TEXT NOT NULL,
    state VARCHAR(16) NOT NULL,
    version INTEGER NOT NULL,
    stock INTEGER NOT NULL,
    per_customer INTEGER NOT NULL,
    per_day INTEGER NOT NULL,
    per_device INTEGER NOT NULL,
    claim_from DATETIME,
    claim_until DATETIME,
    valid_from DATETIME,
    valid_until DATETIME,
    valid_days INTEGER NOT NULL,
    segment_id INTEGER NOT NULL,
    claimable BOOLEAN NOT NULL,
    transferable BOOLEAN NOT NULL,
    budget_count INTEGER NOT NULL,
    budget_fen INTEGER NOT NULL,
    budget_day_count INTEGER NOT NULL,
    budget_day_fen INTEGER NOT NULL,
    remind_days INTEGER NOT NULL,
    review_at INTEGER NOT NULL,
    created_by INTEGER NOT NULL,
    submitted_by INTEGER NOT NULL,
    approved_by INTEGER NOT NULL,
    approved_at DATETIME,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_coupon_batch_state_id ON coupon_batch (state, id);

CREATE TABLE IF NOT EXISTS coupon_count (
    batch_id INTEGER NOT NULL,
    state VARCHAR(16) NOT NULL,
    version INTEGER NOT NULL,
    stock INTEGER NOT NULL,
    issued INTEGER NOT NULL,
    voided INTEGER NOT NULL,
    expired INTEGER NOT NULL,
    PRIMARY KEY (batch_id)
);

CREATE TABLE IF NOT EXISTS coupon_budget (
    batch_id INTEGER NOT NULL,
    day VARCHAR(10) NOT NULL,
    limit_count INTEGER NOT NULL,
    limit_fen INTEGER NOT NULL,
    used_count INTEGER NOT NULL,
    used_fen INTEGER NOT NULL,
    PRIMARY KEY (batch_id, day)
);

CREATE TABLE IF NOT EXISTS coupon (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    batch_id INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    claimer_id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    state VARCHAR(16) NOT NULL,
    version INTEGER NOT NULL,
    balance_fen INTEGER NOT NULL,
    valid_from DATETIME NOT NULL,
    valid_until DATETIME NOT NULL,
    source VARCHAR(16) NOT NULL,
    source_id INTEGER NOT NULL,
    campaign_id INTEGER NOT NULL,
    journey_id INTEGER NOT NULL,
    step VARCHAR(64) NOT NULL,
    channel_code_id INTEGER NOT NULL,
    staff_id INTEGER NOT NULL,
    use_id INTEGER NOT NULL,
    score INTEGER NOT NULL,
    remind_at DATETIME,
    created_at DATETIME NOT NULL,
    moved_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_coupon_claimer_id_batch_id_number ON coupon (claimer_id, batch_id, number);
CREATE INDEX IF NOT EXISTS ix_coupon_batch_id_id ON coupon (batch_id, id);
CREATE INDEX IF NOT EXISTS ix_coupon_customer_id_state_valid_until ON coupon (customer_id, state, valid_until);
CREATE INDEX IF NOT EXISTS ix_coupon_state_valid_until ON coupon (state, valid_until);
CREATE INDEX IF NOT EXISTS ix_coupon_state_remind_at ON coupon (state, remind_at);

CREATE TABLE IF NOT EXISTS coupon_entry (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    coupon_id INTEGER NOT NULL,
    version INTEGER NOT NULL,
    batch_id INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    act VARCHAR(16) NOT NULL,
    state VARCHAR(16) NOT NULL,
    count INTEGER NOT NULL,
    fen INTEGER NOT NULL,
    budget_day VARCHAR(10) NOT NULL,
    use_id INTEGER NOT NULL,
    staff_id INTEGER NOT NULL,
    api_key_id INTEGER NOT NULL,
    shop VARCHAR(64) NOT NULL,
    reason VARCHAR(255) COLLATE NOCASE NOT NULL,
    at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_coupon_entry_coupon_id_version ON coupon_entry (coupon_id, version);
CREATE INDEX IF NOT EXISTS ix_coupon_entry_batch_id_id ON coupon_entry (batch_id, id);

CREATE TABLE IF NOT EXISTS coupon_use (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    customer_id INTEGER NOT NULL,
    state VARCHAR(16) NOT NULL,
    order_number VARCHAR(64) NOT NULL,
    order_key BLOB,
    shop VARCHAR(64) NOT NULL,
    api_key_id INTEGER NOT NULL,
    staff_id INTEGER NOT NULL,
    bill TEXT NOT NULL,
    total_fen INTEGER NOT NULL,
    off_fen INTEGER NOT NULL,
    returned_fen INTEGER NOT NULL,
    expires_at DATETIME,
    redeemed_at DATETIME,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_coupon_use_order_key ON coupon_use (order_key);
CREATE INDEX IF NOT EXISTS ix_coupon_use_state_expires_at ON coupon_use (state, expires_at);
CREATE INDEX IF NOT EXISTS ix_coupon_use_customer_id_id ON coupon_use (customer_id, id);

CREATE TABLE IF NOT EXISTS coupon_use_part (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    use_id INTEGER NOT NULL,
    coupon_id INTEGER NOT NULL,
    batch_id INTEGER NOT NULL,
    place INTEGER NOT NULL,
    off_fen INTEGER NOT NULL,
    returned_fen INTEGER NOT NULL,
    budget_day VARCHAR(10) NOT NULL,
    split TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_coupon_use_part_use_id ON coupon_use_part (use_id);
CREATE INDEX IF NOT EXISTS ix_coupon_use_part_coupon_id ON coupon_use_part (coupon_id);
CREATE INDEX IF NOT EXISTS ix_coupon_use_part_batch_id_use_id ON coupon_use_part (batch_id, use_id);

CREATE TABLE IF NOT EXISTS coupon_request (
    request_key BLOB NOT NULL,
    body BLOB NOT NULL,
    answer VARCHAR(255) NOT NULL,
    created_at DATETIME NOT NULL,
    PRIMARY KEY (request_key)
);
CREATE INDEX IF NOT EXISTS ix_coupon_request_created_at ON coupon_request (created_at);

CREATE TABLE IF NOT EXISTS coupon_code (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    batch_id INTEGER NOT NULL,
    run_id INTEGER NOT NULL,
    code_hash BLOB NOT NULL,
    single BOOLEAN NOT NULL,
    taken_by INTEGER NOT NULL,
    coupon_id INTEGER NOT NULL,
    taken_at DATETIME,
    expires_at DATETIME
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_coupon_code_code_hash ON coupon_code (code_hash);
CREATE INDEX IF NOT EXISTS ix_coupon_code_batch_id_id ON coupon_code (batch_id, id);

CREATE TABLE IF NOT EXISTS coupon_run (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind VARCHAR(16) NOT NULL,
    batch_id INTEGER NOT NULL,
    staff_id INTEGER NOT NULL,
    segment_id INTEGER NOT NULL,
    state VARCHAR(16) NOT NULL,
    error VARCHAR(255) COLLATE NOCASE NOT NULL,
    sealed_secret BLOB,
    prefix VARCHAR(32) NOT NULL,
    total INTEGER NOT NULL,
    done INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    refused INTEGER NOT NULL,
    position INTEGER NOT NULL,
    cancel_asked BOOLEAN NOT NULL,
    started_at DATETIME,
    ended_at DATETIME,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_coupon_run_batch_id_id ON coupon_run (batch_id, id);

CREATE TABLE IF NOT EXISTS coupon_run_part (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id INTEGER NOT NULL,
    part INTEGER NOT NULL,
    customer_ids TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_coupon_run_part_run_id_part ON coupon_run_part (run_id, part);

CREATE TABLE IF NOT EXISTS coupon_giver (
    batch_id INTEGER NOT NULL,
    staff_id INTEGER NOT NULL,
    day VARCHAR(10) NOT NULL,
    given INTEGER NOT NULL,
    PRIMARY KEY (batch_id, staff_id, day)
);

CREATE TABLE IF NOT EXISTS coupon_origin (
    coupon_id INTEGER NOT NULL,
    batch_id INTEGER NOT NULL,
    device BLOB,
    address BLOB,
    at DATETIME NOT NULL,
    PRIMARY KEY (coupon_id)
);
CREATE INDEX IF NOT EXISTS ix_coupon_origin_batch_id_device ON coupon_origin (batch_id, device);
CREATE INDEX IF NOT EXISTS ix_coupon_origin_device_at ON coupon_origin (device, at);
CREATE INDEX IF NOT EXISTS ix_coupon_origin_address_at ON coupon_origin (address, at);

CREATE TABLE IF NOT EXISTS coupon_guess (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    subject BLOB NOT NULL,
    at DATETIME NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_coupon_guess_subject_at ON coupon_guess (subject, at);
CREATE INDEX IF NOT EXISTS ix_coupon_guess_at ON coupon_guess (at);

CREATE TABLE IF NOT EXISTS coupon_balance (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    started_at DATETIME NOT NULL,
    ended_at DATETIME,
    batches INTEGER NOT NULL,
    coupons INTEGER NOT NULL,
    entries INTEGER NOT NULL,
    wrong INTEGER NOT NULL,
    findings TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_coupon_balance_started_at ON coupon_balance (started_at);
