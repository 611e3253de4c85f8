-- +goose NO TRANSACTION
-- +goose Up
-- One row per intended message. "shelf" is what indexes need of the state: a delivery that goes well changes it once.
CREATE TABLE IF NOT EXISTS delivery (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source VARCHAR(16) NOT NULL,
    source_id INTEGER NOT NULL,
    step VARCHAR(64) NOT NULL,
    customer_id INTEGER NOT NULL,
    group_id INTEGER NOT NULL,
    occurrence VARCHAR(64) NOT NULL,
    lane_id INTEGER NOT NULL,
    shelf INTEGER NOT NULL,
    state INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    vars TEXT NOT NULL,
    due_at DATETIME NOT NULL,
    expires_at DATETIME,
    claim_id INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    platform_id VARCHAR(64) NOT NULL,
    class VARCHAR(16) NOT NULL,
    code INTEGER NOT NULL,
    reason VARCHAR(64) NOT NULL,
    accepted_at DATETIME,
    read_at DATETIME,
    clicked_at DATETIME,
    converted_at DATETIME,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_delivery_intent ON delivery (source, source_id, step, customer_id, group_id, occurrence);
CREATE INDEX IF NOT EXISTS ix_delivery_shelf_lane_id_due_at ON delivery (shelf, lane_id, due_at);
CREATE INDEX IF NOT EXISTS ix_delivery_customer_id ON delivery (customer_id);

CREATE TABLE IF NOT EXISTS delivery_lane (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    alike VARCHAR(64) NOT NULL,
    source VARCHAR(16) NOT NULL,
    source_id INTEGER NOT NULL,
    step VARCHAR(64) NOT NULL,
    channel VARCHAR(32) NOT NULL,
    account_id INTEGER NOT NULL,
    staff_id INTEGER NOT NULL,
    topic VARCHAR(32) NOT NULL,
    transactional BOOLEAN NOT NULL,
    targeted BOOLEAN NOT NULL,
    priority INTEGER NOT NULL,
    created_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_delivery_lane_alike ON delivery_lane (alike);
CREATE INDEX IF NOT EXISTS ix_delivery_lane_source_source_id ON delivery_lane (source, source_id);

-- How many deliveries of a lane are in a state: the sum of the changes. Written without waiting for anybody; folded from time to time.
CREATE TABLE IF NOT EXISTS delivery_tally (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    lane_id INTEGER NOT NULL,
    state INTEGER NOT NULL,
    changed INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_delivery_tally_lane_id_state ON delivery_tally (lane_id, state);

-- Deliveries in the hands of one process. It holds them while token and fence are as it knows them.
CREATE TABLE IF NOT EXISTS delivery_claim (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    lane_id INTEGER NOT NULL,
    token VARCHAR(32) NOT NULL,
    fence INTEGER NOT NULL,
    lease_until DATETIME NOT NULL,
    deliveries BLOB NOT NULL,
    created_at DATETIME NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_delivery_claim_lease_until ON delivery_claim (lease_until);

-- One call of a platform, or a handful of calls for one delivery each: written before, settled after.
CREATE TABLE IF NOT EXISTS delivery_call (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    claim_id INTEGER NOT NULL,
    lane_id INTEGER NOT NULL,
    channel VARCHAR(32) NOT NULL,
    account_id INTEGER NOT NULL,
    staff_id INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    single BOOLEAN NOT NULL,
    state VARCHAR(16) NOT NULL,
    deliveries BLOB NOT NULL,
    marker VARCHAR(128) NOT NULL,
    platform_id VARCHAR(64) NOT NULL,
    tries INTEGER NOT NULL,
    ask_at DATETIME,
    began_at DATETIME NOT NULL,
    settled_at DATETIME
);
CREATE INDEX IF NOT EXISTS ix_delivery_call_claim_id ON delivery_call (claim_id);
CREATE INDEX IF NOT EXISTS ix_delivery_call_lane_id ON delivery_call (lane_id);
CREATE INDEX IF NOT EXISTS ix_delivery_call_state_ask_at ON delivery_call (state, ask_at);
CREATE INDEX IF NOT EXISTS ix_delivery_call_channel_platform_id ON delivery_call (channel, platform_id);

CREATE TABLE IF NOT EXISTS delivery_pause (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    subject VARCHAR(64) NOT NULL,
    reason VARCHAR(64) NOT NULL,
    paused_by INTEGER NOT NULL,
    until DATETIME,
    created_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_delivery_pause_subject ON delivery_pause (subject);

-- How far a set of customers has been planned.
CREATE TABLE IF NOT EXISTS delivery_plan (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source VARCHAR(16) NOT NULL,
    source_id INTEGER NOT NULL,
    mark VARCHAR(64) NOT NULL,
    after_id INTEGER NOT NULL,
    planned INTEGER NOT NULL,
    done BOOLEAN NOT NULL,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_delivery_plan_mark ON delivery_plan (mark);
CREATE INDEX IF NOT EXISTS ix_delivery_plan_source_source_id ON delivery_plan (source, source_id);
