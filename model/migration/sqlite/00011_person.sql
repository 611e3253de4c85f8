-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS customer_merge (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    customer_id INTEGER NOT NULL,
    other_id INTEGER NOT NULL,
    reason VARCHAR(32) NOT NULL,
    identity_kind VARCHAR(32) NOT NULL,
    identity_scope VARCHAR(64) NOT NULL,
    source VARCHAR(32) NOT NULL,
    confidence INTEGER NOT NULL,
    staff_id INTEGER NOT NULL,
    kept_before TEXT NOT NULL,
    kept_after TEXT NOT NULL,
    merged_at DATETIME NOT NULL,
    undone_at DATETIME,
    undone_by INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_customer_merge_customer_id_id ON customer_merge (customer_id, id);
CREATE INDEX IF NOT EXISTS ix_customer_merge_other_id_id ON customer_merge (other_id, id);
CREATE INDEX IF NOT EXISTS ix_customer_merge_merged_at_id ON customer_merge (merged_at, id);

CREATE TABLE IF NOT EXISTS merge_move (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    merge_id INTEGER NOT NULL,
    owner VARCHAR(64) NOT NULL,
    journal TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_merge_move_merge_id_id ON merge_move (merge_id, id);

CREATE TABLE IF NOT EXISTS merge_review (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    pair VARCHAR(64) NOT NULL,
    customer_id INTEGER NOT NULL,
    other_id INTEGER NOT NULL,
    reason VARCHAR(32) NOT NULL,
    identity_kind VARCHAR(32) NOT NULL,
    identity_scope VARCHAR(64) NOT NULL,
    source VARCHAR(32) NOT NULL,
    confidence INTEGER NOT NULL,
    account_id INTEGER NOT NULL,
    status VARCHAR(16) NOT NULL,
    merge_id INTEGER NOT NULL,
    found_at DATETIME NOT NULL,
    decided_at DATETIME,
    decided_by INTEGER NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_merge_review_pair ON merge_review (pair);
CREATE INDEX IF NOT EXISTS ix_merge_review_status_id ON merge_review (status, id);
CREATE INDEX IF NOT EXISTS ix_merge_review_customer_id ON merge_review (customer_id);
CREATE INDEX IF NOT EXISTS ix_merge_review_other_id ON merge_review (other_id);

CREATE TABLE IF NOT EXISTS customer_change (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    customer_id INTEGER NOT NULL,
    field VARCHAR(64) NOT NULL,
    old_value TEXT NOT NULL,
    new_value TEXT NOT NULL,
    seal_ref VARCHAR(32) NOT NULL,
    source VARCHAR(32) NOT NULL,
    staff_id INTEGER NOT NULL,
    changed_at DATETIME NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_customer_change_customer_id_changed_at_id ON customer_change (customer_id, changed_at, id);

CREATE TABLE IF NOT EXISTS id_conversion (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    union_id VARCHAR(128) NOT NULL,
    open_id VARCHAR(128) NOT NULL,
    app_id VARCHAR(64) NOT NULL,
    status VARCHAR(16) NOT NULL,
    pending_id VARCHAR(128) NOT NULL,
    pending_until DATETIME,
    external_userid VARCHAR(64) NOT NULL,
    errcode INTEGER NOT NULL,
    asked_at DATETIME,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_id_conversion_account_id_union_id ON id_conversion (account_id, union_id);
CREATE INDEX IF NOT EXISTS ix_id_conversion_customer_id ON id_conversion (customer_id);
CREATE INDEX IF NOT EXISTS ix_id_conversion_account_id_pending_id ON id_conversion (account_id, pending_id);
CREATE INDEX IF NOT EXISTS ix_id_conversion_status_pending_until ON id_conversion (status, pending_until);
