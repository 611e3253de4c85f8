-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS referral_programme (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name VARCHAR(64) COLLATE NOCASE NOT NULL,
    note VARCHAR(255) COLLATE NOCASE NOT NULL,
    state VARCHAR(16) NOT NULL,
    valid_from DATETIME NOT NULL,
    valid_until DATETIME NOT NULL,
    segment_id INTEGER NOT NULL,
    ask VARCHAR(16) NOT NULL,
    cool_off_days INTEGER NOT NULL,
    subtract_leavers BOOLEAN NOT NULL,
    take_back BOOLEAN NOT NULL,
    per_inviter INTEGER NOT NULL,
    points_days INTEGER NOT NULL,
    invitee_kind VARCHAR(16) NOT NULL,
    invitee_name VARCHAR(64) COLLATE NOCASE NOT NULL,
    invitee_points INTEGER NOT NULL,
    invitee_batch_id INTEGER NOT NULL,
    invitee_cost_fen INTEGER NOT NULL,
    review_at INTEGER NOT NULL,
    link VARCHAR(512) NOT NULL,
    account_id INTEGER NOT NULL,
    page VARCHAR(255) NOT NULL,
    background_id INTEGER NOT NULL,
    acknowledged_by INTEGER NOT NULL,
    acknowledged_at DATETIME,
    acknowledged VARCHAR(255) NOT NULL,
    version INTEGER NOT NULL,
    created_by INTEGER NOT NULL,
    changed_by INTEGER NOT NULL,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_referral_programme_state_id ON referral_programme (state, id);

CREATE TABLE IF NOT EXISTS referral_step (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    programme_id INTEGER NOT NULL,
    place INTEGER NOT NULL,
    friends INTEGER NOT NULL,
    kind VARCHAR(16) NOT NULL,
    name VARCHAR(64) COLLATE NOCASE NOT NULL,
    points INTEGER NOT NULL,
    batch_id INTEGER NOT NULL,
    cost_fen INTEGER NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_referral_step_programme_id_place ON referral_step (programme_id, place);

CREATE TABLE IF NOT EXISTS referral_budget (
    programme_id INTEGER NOT NULL PRIMARY KEY,
    limit_rewards INTEGER NOT NULL,
    limit_points INTEGER NOT NULL,
    limit_coupons INTEGER NOT NULL,
    limit_fen INTEGER NOT NULL,
    used_rewards INTEGER NOT NULL,
    used_points INTEGER NOT NULL,
    used_coupons INTEGER NOT NULL,
    used_fen INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS referral_code (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    programme_id INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    holder_id INTEGER NOT NULL,
    code VARCHAR(32) NOT NULL,
    device VARBINARY(16),
    address VARBINARY(16),
    created_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_referral_code_code ON referral_code (code);
CREATE UNIQUE INDEX IF NOT EXISTS uq_referral_code_programme_id_holder_id ON referral_code (programme_id, holder_id);
CREATE INDEX IF NOT EXISTS ix_referral_code_customer_id_programme_id ON referral_code (customer_id, programme_id);

CREATE TABLE IF NOT EXISTS referral_edge (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    programme_id INTEGER NOT NULL,
    inviter_id INTEGER NOT NULL,
    invitee_id INTEGER NOT NULL,
    spare INTEGER NOT NULL,
    code_id INTEGER NOT NULL,
    state VARCHAR(16) NOT NULL,
    reason VARCHAR(64) NOT NULL,
    order_id INTEGER NOT NULL,
    score INTEGER NOT NULL,
    signals VARCHAR(255) NOT NULL,
    device VARBINARY(16),
    address VARBINARY(16),
    touched_at DATETIME NOT NULL,
    joined_at DATETIME,
    due_at DATETIME,
    counted_at DATETIME,
    left_at DATETIME,
    decided_by INTEGER NOT NULL,
    note VARCHAR(255) COLLATE NOCASE NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_referral_edge_programme_id_invitee_id_spare ON referral_edge (programme_id, invitee_id, spare);
CREATE INDEX IF NOT EXISTS ix_referral_edge_programme_id_inviter_id_state ON referral_edge (programme_id, inviter_id, state);
CREATE INDEX IF NOT EXISTS ix_referral_edge_programme_id_state_id ON referral_edge (programme_id, state, id);
CREATE INDEX IF NOT EXISTS ix_referral_edge_state_due_at ON referral_edge (state, due_at);
CREATE INDEX IF NOT EXISTS ix_referral_edge_invitee_id_state ON referral_edge (invitee_id, state);
CREATE INDEX IF NOT EXISTS ix_referral_edge_inviter_id ON referral_edge (inviter_id);
CREATE INDEX IF NOT EXISTS ix_referral_edge_programme_id_device ON referral_edge (programme_id, device);
CREATE INDEX IF NOT EXISTS ix_referral_edge_address_touched_at ON referral_edge (address, touched_at);

CREATE TABLE IF NOT EXISTS referral_reward (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    programme_id INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    reward_key VARCHAR(96) NOT NULL,
    role VARCHAR(16) NOT NULL,
    place INTEGER NOT NULL,
    edge_id INTEGER NOT NULL,
    kind VARCHAR(16) NOT NULL,
    name VARCHAR(64) COLLATE NOCASE NOT NULL,
    points INTEGER NOT NULL,
    batch_id INTEGER NOT NULL,
    cost_fen INTEGER NOT NULL,
    state VARCHAR(16) NOT NULL,
    reason VARCHAR(64) NOT NULL,
    turn INTEGER NOT NULL,
    entry_id INTEGER NOT NULL,
    coupon_id INTEGER NOT NULL,
    staff_id INTEGER NOT NULL,
    note VARCHAR(255) COLLATE NOCASE NOT NULL,
    due_at DATETIME NOT NULL,
    given_at DATETIME,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_referral_reward_reward_key ON referral_reward (reward_key);
CREATE INDEX IF NOT EXISTS ix_referral_reward_customer_id_programme_id ON referral_reward (customer_id, programme_id);
CREATE INDEX IF NOT EXISTS ix_referral_reward_programme_id_state_id ON referral_reward (programme_id, state, id);
CREATE INDEX IF NOT EXISTS ix_referral_reward_state_due_at ON referral_reward (state, due_at);
