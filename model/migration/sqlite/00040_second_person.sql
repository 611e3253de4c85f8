-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS role_request (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    staff_id INTEGER NOT NULL,
    roles VARCHAR(255) NOT NULL,
    state VARCHAR(16) NOT NULL,
    asked_by INTEGER NOT NULL,
    decided_by INTEGER NOT NULL,
    decided_at DATETIME NULL,
    created_at DATETIME NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_role_request_staff_id_state ON role_request (staff_id, state);

CREATE TABLE IF NOT EXISTS export_approval (
    export_id INTEGER PRIMARY KEY,
    approved BOOLEAN NOT NULL,
    decided_by INTEGER NOT NULL,
    decided_at DATETIME NOT NULL
);
