-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS segment (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name VARCHAR(64) COLLATE NOCASE NOT NULL,
    note VARCHAR(255) COLLATE NOCASE NOT NULL,
    kind VARCHAR(16) NOT NULL,
    rule TEXT NOT NULL,
    minors BOOLEAN NOT NULL,
    version INTEGER NOT NULL,
    source_id INTEGER NOT NULL,
    members INTEGER NOT NULL,
    built_version INTEGER NOT NULL,
    built_at DATETIME,
    build_ms INTEGER NOT NULL,
    timed_until DATETIME,
    warning VARCHAR(255) COLLATE NOCASE NOT NULL,
    error VARCHAR(255) COLLATE NOCASE NOT NULL,
    created_by INTEGER NOT NULL,
    gone_at DATETIME,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);

CREATE TABLE IF NOT EXISTS segment_version (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    segment_id INTEGER NOT NULL,
    version INTEGER NOT NULL,
    rule TEXT NOT NULL,
    minors BOOLEAN NOT NULL,
    changed_by INTEGER NOT NULL,
    created_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_segment_version_segment_id_version ON segment_version (segment_id, version);

CREATE TABLE IF NOT EXISTS segment_build (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    segment_id INTEGER NOT NULL,
    running_segment_id INTEGER,
    version INTEGER NOT NULL,
    status VARCHAR(16) NOT NULL,
    after_id INTEGER NOT NULL,
    last_id INTEGER NOT NULL,
    entered INTEGER NOT NULL,
    departed INTEGER NOT NULL,
    read_ms INTEGER NOT NULL,
    error VARCHAR(255) COLLATE NOCASE NOT NULL,
    asked_by INTEGER NOT NULL,
    started_at DATETIME NOT NULL,
    finished_at DATETIME,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_segment_build_running_segment_id ON segment_build (running_segment_id);
CREATE INDEX IF NOT EXISTS ix_segment_build_segment_id_id ON segment_build (segment_id, id);

CREATE TABLE IF NOT EXISTS segment_size (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    segment_id INTEGER NOT NULL,
    day INTEGER NOT NULL,
    members INTEGER NOT NULL,
    entered INTEGER NOT NULL,
    departed INTEGER NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_segment_size_segment_id_day ON segment_size (segment_id, day);

CREATE TABLE IF NOT EXISTS segment_member (
    segment_id INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    stay INTEGER NOT NULL,
    entered_at DATETIME NOT NULL,
    left_at DATETIME,
    mark INTEGER NOT NULL,
    PRIMARY KEY (segment_id, customer_id)
);
CREATE INDEX IF NOT EXISTS ix_segment_member_customer_id ON segment_member (customer_id);
