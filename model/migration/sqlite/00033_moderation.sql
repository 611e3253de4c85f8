-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS content_check (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    customer_id INTEGER NOT NULL,
    field VARCHAR(48) NOT NULL,
    account_id INTEGER NOT NULL,
    hash VARBINARY(32) NOT NULL,
    state VARCHAR(16) NOT NULL,
    reason VARCHAR(24) NOT NULL,
    label INTEGER NOT NULL,
    trace_id VARCHAR(64) NOT NULL,
    asked INTEGER NOT NULL,
    due_at DATETIME,
    staff_id INTEGER NOT NULL,
    note VARCHAR(255) COLLATE NOCASE NOT NULL,
    decided_at DATETIME,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_content_check_customer_id_field ON content_check (customer_id, field);
CREATE INDEX IF NOT EXISTS ix_content_check_state_id ON content_check (state, id);
CREATE INDEX IF NOT EXISTS ix_content_check_due_at ON content_check (due_at);
CREATE INDEX IF NOT EXISTS ix_content_check_trace_id ON content_check (trace_id);

-- What customers wrote before there were checks is looked at when they come back.
INSERT OR IGNORE INTO content_check (customer_id, field, account_id, hash, state, reason, label, trace_id, asked, staff_id, note, created_at, updated_at)
SELECT c.id, 'name', 0, X'', 'waiting', 'earlier', 0, '', 0, 0, '', c.updated_at, c.updated_at FROM customer c WHERE c.merged_into = 0 AND c.name <> ''
AND EXISTS (SELECT 1 FROM customer_change h WHERE h.customer_id = c.id AND h.field = 'name' AND h.source = 'miniapp' AND h.new_value = c.name);
INSERT OR IGNORE INTO content_check (customer_id, field, account_id, hash, state, reason, label, trace_id, asked, staff_id, note, created_at, updated_at)
SELECT c.id, 'avatar', 0, X'', 'waiting', 'earlier', 0, '', 0, 0, '', c.updated_at, c.updated_at FROM customer c WHERE c.merged_into = 0 AND c.avatar <> ''
AND EXISTS (SELECT 1 FROM customer_change h WHERE h.customer_id = c.id AND h.field = 'avatar' AND h.source = 'miniapp' AND h.new_value = c.avatar);
