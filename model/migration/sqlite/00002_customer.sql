-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS customer (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name VARCHAR(128) COLLATE NOCASE NOT NULL,
    avatar VARCHAR(1024) NOT NULL,
    gender INTEGER NOT NULL,
    type INTEGER NOT NULL,
    corp_name VARCHAR(255) COLLATE NOCASE NOT NULL,
    city VARCHAR(64) COLLATE NOCASE NOT NULL,
    sealed_birthday BLOB,
    birth_md INTEGER NOT NULL,
    minor BOOLEAN NOT NULL,
    merged_into INTEGER NOT NULL,
    first_source VARCHAR(128) COLLATE NOCASE NOT NULL,
    first_seen_at DATETIME NOT NULL,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_customer_birth_md ON customer (birth_md);
CREATE INDEX IF NOT EXISTS ix_customer_first_seen_at_id ON customer (first_seen_at, id);
CREATE INDEX IF NOT EXISTS ix_customer_name ON customer (name);

CREATE TABLE IF NOT EXISTS identity (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    customer_id INTEGER NOT NULL,
    kind VARCHAR(32) NOT NULL,
    scope VARCHAR(64) NOT NULL,
    value VARCHAR(128) NOT NULL,
    sealed_value BLOB,
    source VARCHAR(32) NOT NULL,
    confidence INTEGER NOT NULL,
    seen_at DATETIME,
    created_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_identity_kind_scope_value ON identity (kind, scope, value);
CREATE INDEX IF NOT EXISTS ix_identity_customer_id ON identity (customer_id);

CREATE TABLE IF NOT EXISTS relation (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL,
    staff_id INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    external_userid VARCHAR(64) NOT NULL,
    remark VARCHAR(255) COLLATE NOCASE NOT NULL,
    description VARCHAR(1024) COLLATE NOCASE NOT NULL,
    remark_corp_name VARCHAR(255) COLLATE NOCASE NOT NULL,
    add_way INTEGER NOT NULL,
    state VARCHAR(128) NOT NULL,
    oper_userid VARCHAR(64) NOT NULL,
    channel_code_id INTEGER NOT NULL,
    status VARCHAR(16) NOT NULL,
    added_at DATETIME NOT NULL,
    lost_at DATETIME,
    fingerprint BLOB,
    read_at DATETIME,
    seen_run_id INTEGER NOT NULL,
    remark_state VARCHAR(16) NOT NULL,
    description_state VARCHAR(16) NOT NULL,
    remark_error VARCHAR(255) COLLATE NOCASE NOT NULL,
    remark_pushed_at DATETIME,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_relation_lost_at ON relation (lost_at);
CREATE INDEX IF NOT EXISTS ix_relation_added_at ON relation (added_at);
CREATE UNIQUE INDEX IF NOT EXISTS uq_relation_staff_id_external_userid ON relation (staff_id, external_userid);
CREATE INDEX IF NOT EXISTS ix_relation_customer_id ON relation (customer_id);
CREATE INDEX IF NOT EXISTS ix_relation_account_id_external_userid ON relation (account_id, external_userid);
CREATE INDEX IF NOT EXISTS ix_relation_staff_id_status_added_at ON relation (staff_id, status, added_at);
CREATE INDEX IF NOT EXISTS ix_relation_channel_code_id_added_at ON relation (channel_code_id, added_at);

CREATE TABLE IF NOT EXISTS tag_group (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL,
    platform_id VARCHAR(64),
    name VARCHAR(64) COLLATE NOCASE NOT NULL,
    mirror_of INTEGER NOT NULL,
    position INTEGER NOT NULL,
    sync_state VARCHAR(16) NOT NULL,
    sync_error VARCHAR(255) COLLATE NOCASE NOT NULL,
    known_at DATETIME,
    gone_at DATETIME,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_tag_group_account_id_platform_id ON tag_group (account_id, platform_id);
CREATE INDEX IF NOT EXISTS ix_tag_group_account_id_name ON tag_group (account_id, name);

CREATE TABLE IF NOT EXISTS tag (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL,
    group_id INTEGER NOT NULL,
    platform_id VARCHAR(64),
    name VARCHAR(64) COLLATE NOCASE NOT NULL,
    mirror_of INTEGER NOT NULL,
    position INTEGER NOT NULL,
    sync_state VARCHAR(16) NOT NULL,
    sync_error VARCHAR(255) COLLATE NOCASE NOT NULL,
    known_at DATETIME,
    gone_at DATETIME,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_tag_account_id_platform_id ON tag (account_id, platform_id);
CREATE INDEX IF NOT EXISTS ix_tag_group_id ON tag (group_id);
CREATE INDEX IF NOT EXISTS ix_tag_mirror_of ON tag (mirror_of);

CREATE TABLE IF NOT EXISTS tag_assignment (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tag_id INTEGER NOT NULL,
    relation_id INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    source VARCHAR(32) NOT NULL,
    source_id INTEGER NOT NULL,
    sync_state VARCHAR(16) NOT NULL,
    sync_error VARCHAR(255) COLLATE NOCASE NOT NULL,
    known_at DATETIME NOT NULL,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_tag_assignment_relation_id_tag_id ON tag_assignment (relation_id, tag_id);
CREATE INDEX IF NOT EXISTS ix_tag_assignment_tag_id_customer_id ON tag_assignment (tag_id, customer_id);
CREATE INDEX IF NOT EXISTS ix_tag_assignment_customer_id ON tag_assignment (customer_id);
CREATE INDEX IF NOT EXISTS ix_tag_assignment_sync_state_updated_at ON tag_assignment (sync_state, updated_at);

CREATE TABLE IF NOT EXISTS event (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind VARCHAR(64) NOT NULL,
    account_id INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    staff_id INTEGER NOT NULL,
    source VARCHAR(32) NOT NULL,
    item VARCHAR(64) NOT NULL,
    value INTEGER NOT NULL,
    dedupe_key BLOB NOT NULL,
    payload TEXT NOT NULL,
    occurred_at DATETIME NOT NULL,
    recorded_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_event_dedupe_key ON event (dedupe_key);
CREATE INDEX IF NOT EXISTS ix_event_customer_id_occurred_at_id ON event (customer_id, occurred_at, id);
CREATE INDEX IF NOT EXISTS ix_event_kind_occurred_at ON event (kind, occurred_at);
