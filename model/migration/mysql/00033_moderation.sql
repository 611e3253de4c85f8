-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS content_check (
    id BIGINT NOT NULL AUTO_INCREMENT,
    customer_id BIGINT NOT NULL,
    field VARCHAR(48) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    account_id BIGINT NOT NULL,
    hash VARBINARY(32) NOT NULL,
    state VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    reason VARCHAR(24) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    label INT NOT NULL,
    trace_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    asked INT NOT NULL,
    due_at DATETIME(3),
    staff_id BIGINT NOT NULL,
    note VARCHAR(255) NOT NULL,
    decided_at DATETIME(3),
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_content_check_customer_id_field (customer_id, field),
    KEY ix_content_check_state_id (state, id),
    KEY ix_content_check_due_at (due_at),
    KEY ix_content_check_trace_id (trace_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

-- What customers wrote before there were checks is looked at when they come back.
INSERT IGNORE INTO content_check (customer_id, field, account_id, hash, state, reason, label, trace_id, asked, staff_id, note, created_at, updated_at)
SELECT c.id, 'name', 0, X'', 'waiting', 'earlier', 0, '', 0, 0, '', c.updated_at, c.updated_at FROM customer c WHERE c.merged_into = 0 AND c.name <> ''
AND EXISTS (SELECT 1 FROM customer_change h WHERE h.customer_id = c.id AND h.field = 'name' AND h.source = 'miniapp' AND h.new_value = c.name);
INSERT IGNORE INTO content_check (customer_id, field, account_id, hash, state, reason, label, trace_id, asked, staff_id, note, created_at, updated_at)
SELECT c.id, 'avatar', 0, X'', 'waiting', 'earlier', 0, '', 0, 0, '', c.updated_at, c.updated_at FROM customer c WHERE c.merged_into = 0 AND c.avatar <> ''
AND EXISTS (SELECT 1 FROM customer_change h WHERE h.customer_id = c.id AND h.field = 'avatar' AND h.source = 'miniapp' AND h.new_value = c.avatar);
