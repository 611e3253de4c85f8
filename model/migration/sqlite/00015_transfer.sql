-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS transfer_file (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name VARCHAR(255) COLLATE NOCASE NOT NULL,
    mime VARCHAR(128) NOT NULL,
    size INTEGER NOT NULL,
    expires_at DATETIME NOT NULL,
    created_at DATETIME NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_transfer_file_expires_at ON transfer_file (expires_at);

CREATE TABLE IF NOT EXISTS transfer_part (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    file_id INTEGER NOT NULL,
    part INTEGER NOT NULL,
    content BLOB NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_transfer_part_file_id_part ON transfer_part (file_id, part);

CREATE TABLE IF NOT EXISTS import_run (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind VARCHAR(32) NOT NULL,
    file_id INTEGER NOT NULL,
    staff_id INTEGER NOT NULL,
    status VARCHAR(16) NOT NULL,
    dry BOOLEAN NOT NULL,
    encoding VARCHAR(16) NOT NULL,
    delimiter VARCHAR(8) NOT NULL,
    mapping TEXT NOT NULL,
    consent_basis VARCHAR(255) COLLATE NOCASE NOT NULL,
    header TEXT NOT NULL,
    total_rows INTEGER NOT NULL,
    next_row INTEGER NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    unchanged INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    problems INTEGER NOT NULL,
    error VARCHAR(255) COLLATE NOCASE NOT NULL,
    started_at DATETIME,
    finished_at DATETIME,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_import_run_staff_id ON import_run (staff_id);

CREATE TABLE IF NOT EXISTS import_problem (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    import_id INTEGER NOT NULL,
    line INTEGER NOT NULL,
    column_name VARCHAR(128) COLLATE NOCASE NOT NULL,
    code VARCHAR(64) NOT NULL,
    reason VARCHAR(255) COLLATE NOCASE NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_import_problem_import_id_line ON import_problem (import_id, line);

CREATE TABLE IF NOT EXISTS export_run (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind VARCHAR(32) NOT NULL,
    staff_id INTEGER NOT NULL,
    purpose VARCHAR(255) COLLATE NOCASE NOT NULL,
    watermark VARCHAR(32) NOT NULL,
    format VARCHAR(8) NOT NULL,
    filter TEXT NOT NULL,
    columns TEXT NOT NULL,
    status VARCHAR(16) NOT NULL,
    file_id INTEGER NOT NULL,
    row_cap INTEGER NOT NULL,
    written INTEGER NOT NULL,
    capped BOOLEAN NOT NULL,
    downloads INTEGER NOT NULL,
    error VARCHAR(255) COLLATE NOCASE NOT NULL,
    started_at DATETIME,
    finished_at DATETIME,
    expires_at DATETIME,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_export_run_staff_id ON export_run (staff_id);
CREATE INDEX IF NOT EXISTS ix_export_run_expires_at ON export_run (expires_at);
