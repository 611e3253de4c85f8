-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS customer_group (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL,
    chat_id VARCHAR(64) NOT NULL,
    name VARCHAR(255) COLLATE NOCASE NOT NULL,
    notice TEXT NOT NULL,
    owner_userid VARCHAR(64) NOT NULL,
    owner_staff_id INTEGER NOT NULL,
    member_version VARCHAR(64) NOT NULL,
    member_count INTEGER NOT NULL,
    customer_count INTEGER NOT NULL,
    founded_at DATETIME NOT NULL,
    dismissed_at DATETIME,
    seen_run_id INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_customer_group_account_id_chat_id ON customer_group (account_id, chat_id);
CREATE INDEX IF NOT EXISTS ix_customer_group_owner_staff_id ON customer_group (owner_staff_id);

CREATE TABLE IF NOT EXISTS group_member (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    group_id INTEGER NOT NULL,
    userid VARCHAR(64) NOT NULL,
    kind VARCHAR(16) NOT NULL,
    staff_id INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    name VARCHAR(128) COLLATE NOCASE NOT NULL,
    nickname VARCHAR(128) COLLATE NOCASE NOT NULL,
    join_scene INTEGER NOT NULL,
    invited_by VARCHAR(64) NOT NULL,
    state VARCHAR(128) NOT NULL,
    joined_at DATETIME NOT NULL,
    left_at DATETIME,
    quit_scene INTEGER NOT NULL,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_group_member_left_at ON group_member (left_at);
CREATE INDEX IF NOT EXISTS ix_group_member_joined_at ON group_member (joined_at);
CREATE UNIQUE INDEX IF NOT EXISTS uq_group_member_group_id_userid_joined_at ON group_member (group_id, userid, joined_at);
CREATE INDEX IF NOT EXISTS ix_group_member_customer_id ON group_member (customer_id);
CREATE INDEX IF NOT EXISTS ix_group_member_userid ON group_member (userid);
