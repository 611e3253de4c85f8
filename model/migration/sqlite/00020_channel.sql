-- +goose NO TRANSACTION
-- +goose Up
-- Messages that wait at the platform for members of staff to send them.
CREATE TABLE IF NOT EXISTS sender_task (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    channel VARCHAR(32) NOT NULL,
    account_id INTEGER NOT NULL,
    staff_id INTEGER NOT NULL,
    userid VARCHAR(64) NOT NULL,
    call_id INTEGER NOT NULL,
    platform_id VARCHAR(64) NOT NULL,
    moment_id VARCHAR(64) NOT NULL,
    source VARCHAR(16) NOT NULL,
    source_id INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    status VARCHAR(16) NOT NULL,
    reason VARCHAR(64) NOT NULL,
    targets BLOB NOT NULL,
    recipients INTEGER NOT NULL,
    sent INTEGER NOT NULL,
    not_friend INTEGER NOT NULL,
    over_quota INTEGER NOT NULL,
    senders INTEGER NOT NULL,
    published INTEGER NOT NULL,
    began_at DATETIME NOT NULL,
    confirm_by DATETIME NOT NULL,
    remind_at DATETIME,
    reminded VARCHAR(64) NOT NULL,
    poll_at DATETIME,
    polls INTEGER NOT NULL,
    version INTEGER NOT NULL,
    settled_at DATETIME,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_sender_task_call_id ON sender_task (call_id);
CREATE INDEX IF NOT EXISTS ix_sender_task_poll_at ON sender_task (poll_at);
CREATE INDEX IF NOT EXISTS ix_sender_task_remind_at ON sender_task (remind_at);
CREATE INDEX IF NOT EXISTS ix_sender_task_status_confirm_by ON sender_task (status, confirm_by);
CREATE INDEX IF NOT EXISTS ix_sender_task_account_id_platform_id ON sender_task (account_id, platform_id);
CREATE INDEX IF NOT EXISTS ix_sender_task_source_source_id ON sender_task (source, source_id);
CREATE INDEX IF NOT EXISTS ix_sender_task_staff_id_status ON sender_task (staff_id, status);

-- What the platform let through to a customer or a group in a period.
CREATE TABLE IF NOT EXISTS mass_quota (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    group_id INTEGER NOT NULL,
    period VARCHAR(16) NOT NULL,
    used INTEGER NOT NULL,
    spent BOOLEAN NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_mass_quota_account_id_period_customer_id_group_id ON mass_quota (account_id, period, customer_id, group_id);
CREATE INDEX IF NOT EXISTS ix_mass_quota_customer_id ON mass_quota (customer_id);

-- Which delivery a platform's id stands for.
CREATE TABLE IF NOT EXISTS channel_receipt (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    channel VARCHAR(32) NOT NULL,
    account_id INTEGER NOT NULL,
    platform_id VARCHAR(64) NOT NULL,
    delivery_id INTEGER NOT NULL,
    created_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_channel_receipt_channel_account_id_platform_id ON channel_receipt (channel, account_id, platform_id);
CREATE INDEX IF NOT EXISTS ix_channel_receipt_created_at ON channel_receipt (created_at);

-- What operators set for a channel.
CREATE TABLE IF NOT EXISTS channel_setting (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    channel VARCHAR(32) NOT NULL,
    account_id INTEGER NOT NULL,
    settings TEXT NOT NULL,
    sealed_secret BLOB,
    enabled BOOLEAN NOT NULL,
    updated_by INTEGER NOT NULL,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_channel_setting_channel_account_id ON channel_setting (channel, account_id);

-- Templates of mini-programs.
CREATE TABLE IF NOT EXISTS subscribe_template (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL,
    template_id VARCHAR(64) NOT NULL,
    title VARCHAR(64) NOT NULL,
    content TEXT NOT NULL,
    example TEXT NOT NULL,
    type INTEGER NOT NULL,
    gone_at DATETIME,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_subscribe_template_account_id_template_id ON subscribe_template (account_id, template_id);

-- Consents to templates: each lets one message through.
CREATE TABLE IF NOT EXISTS subscribe_grant (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    openid VARCHAR(64) NOT NULL,
    template_id VARCHAR(64) NOT NULL,
    by_client INTEGER NOT NULL,
    by_event INTEGER NOT NULL,
    used INTEGER NOT NULL,
    refused_at DATETIME,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_subscribe_grant_account_id_openid_template_id ON subscribe_grant (account_id, openid, template_id);
CREATE INDEX IF NOT EXISTS ix_subscribe_grant_customer_id ON subscribe_grant (customer_id);

-- Customer-service accounts.
CREATE TABLE IF NOT EXISTS kf_account (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL,
    open_kfid VARCHAR(64) NOT NULL,
    name VARCHAR(64) NOT NULL,
    managed BOOLEAN NOT NULL,
    read_to VARCHAR(128) NOT NULL,
    gone_at DATETIME,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_kf_account_account_id_open_kfid ON kf_account (account_id, open_kfid);

-- How far a customer may be answered in a customer-service account.
CREATE TABLE IF NOT EXISTS kf_window (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL,
    open_kfid VARCHAR(64) NOT NULL,
    customer_id INTEGER NOT NULL,
    external_userid VARCHAR(64) NOT NULL,
    last_at DATETIME NOT NULL,
    sent INTEGER NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_kf_window_account_id_open_kfid_external_userid ON kf_window (account_id, open_kfid, external_userid);
CREATE INDEX IF NOT EXISTS ix_kf_window_customer_id ON kf_window (customer_id);

-- The mini-program's inbox.
CREATE TABLE IF NOT EXISTS letter (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    customer_id INTEGER NOT NULL,
    account_id INTEGER NOT NULL,
    delivery_id INTEGER NOT NULL,
    subject VARCHAR(255) NOT NULL,
    content TEXT NOT NULL,
    expires_at DATETIME,
    read_at DATETIME,
    removed_at DATETIME,
    created_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_letter_delivery_id ON letter (delivery_id);
CREATE INDEX IF NOT EXISTS ix_letter_customer_id_id ON letter (customer_id, id);

-- What a member of staff is to send to a customer by hand.
CREATE TABLE IF NOT EXISTS task_message (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    delivery_id INTEGER NOT NULL,
    task_id INTEGER NOT NULL,
    account_id INTEGER NOT NULL,
    staff_id INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    content TEXT NOT NULL,
    reported BOOLEAN NOT NULL,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_task_message_delivery_id ON task_message (delivery_id);
CREATE INDEX IF NOT EXISTS ix_task_message_task_id ON task_message (task_id);
CREATE INDEX IF NOT EXISTS ix_task_message_customer_id ON task_message (customer_id);
CREATE INDEX IF NOT EXISTS ix_task_message_reported ON task_message (reported);
