-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS custom_field (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name VARCHAR(64) NOT NULL,
    title VARCHAR(128) COLLATE NOCASE NOT NULL,
    kind VARCHAR(16) NOT NULL,
    choices TEXT NOT NULL,
    required BOOLEAN NOT NULL,
    sealed BOOLEAN NOT NULL,
    asked BOOLEAN NOT NULL,
    position INTEGER NOT NULL,
    gone_at DATETIME,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_custom_field_name ON custom_field (name);

CREATE TABLE IF NOT EXISTS custom_value (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    customer_id INTEGER NOT NULL,
    field_id INTEGER NOT NULL,
    ordinal INTEGER NOT NULL,
    value VARCHAR(255) COLLATE NOCASE NOT NULL,
    number INTEGER,
    sealed_value BLOB,
    source VARCHAR(32) NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_custom_value_customer_id_field_id_ordinal ON custom_value (customer_id, field_id, ordinal);
CREATE INDEX IF NOT EXISTS ix_custom_value_field_id_value_customer_id ON custom_value (field_id, value, customer_id);
CREATE INDEX IF NOT EXISTS ix_custom_value_field_id_number_customer_id ON custom_value (field_id, number, customer_id);

CREATE TABLE IF NOT EXISTS customer_tag (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    customer_id INTEGER NOT NULL,
    tag_id INTEGER NOT NULL,
    source VARCHAR(32) NOT NULL,
    source_id INTEGER NOT NULL,
    expires_at DATETIME,
    created_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_customer_tag_customer_id_tag_id ON customer_tag (customer_id, tag_id);
CREATE INDEX IF NOT EXISTS ix_customer_tag_tag_id_customer_id ON customer_tag (tag_id, customer_id);
CREATE INDEX IF NOT EXISTS ix_customer_tag_expires_at ON customer_tag (expires_at);

CREATE TABLE IF NOT EXISTS customer_note (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    customer_id INTEGER NOT NULL,
    staff_id INTEGER NOT NULL,
    body VARCHAR(2000) COLLATE NOCASE NOT NULL,
    gone_at DATETIME,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_customer_note_customer_id_id ON customer_note (customer_id, id);

CREATE TABLE IF NOT EXISTS customer_touch (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    customer_id INTEGER NOT NULL,
    place VARCHAR(8) NOT NULL,
    source VARCHAR(32) NOT NULL,
    account_id INTEGER NOT NULL,
    channel_code_id INTEGER NOT NULL,
    staff_id INTEGER NOT NULL,
    campaign VARCHAR(64) COLLATE NOCASE NOT NULL,
    link VARCHAR(255) COLLATE NOCASE NOT NULL,
    referrer VARCHAR(255) COLLATE NOCASE NOT NULL,
    scene INTEGER NOT NULL,
    touched_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_customer_touch_customer_id_place ON customer_touch (customer_id, place);
CREATE INDEX IF NOT EXISTS ix_customer_touch_place_channel_code_id_customer_id ON customer_touch (place, channel_code_id, customer_id);
CREATE INDEX IF NOT EXISTS ix_customer_touch_place_campaign_customer_id ON customer_touch (place, campaign, customer_id);

CREATE TABLE IF NOT EXISTS quality_run (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    last_customer_id INTEGER NOT NULL,
    customers INTEGER NOT NULL,
    completeness_sum INTEGER NOT NULL,
    missing TEXT NOT NULL,
    started_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    finished_at DATETIME
);
CREATE INDEX IF NOT EXISTS ix_quality_run_finished_at_id ON quality_run (finished_at, id);

CREATE TABLE IF NOT EXISTS quality_finding (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind VARCHAR(16) NOT NULL,
    customer_id INTEGER NOT NULL,
    other_id INTEGER NOT NULL,
    field VARCHAR(64) NOT NULL,
    reason VARCHAR(64) NOT NULL,
    run_id INTEGER NOT NULL,
    found_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_quality_finding_customer_id_kind_field_other_id ON quality_finding (customer_id, kind, field, other_id);
CREATE INDEX IF NOT EXISTS ix_quality_finding_kind_id ON quality_finding (kind, id);
CREATE INDEX IF NOT EXISTS ix_quality_finding_run_id ON quality_finding (run_id);
