-- +goose NO TRANSACTION
-- +goose Up
-- Messages that wait at the platform for members of staff to send them.
CREATE TABLE IF NOT EXISTS sender_task (
    id BIGINT NOT NULL AUTO_INCREMENT,
    channel VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    account_id BIGINT NOT NULL,
    staff_id BIGINT NOT NULL,
    userid VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    call_id BIGINT NOT NULL,
    platform_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    moment_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    source VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    source_id BIGINT NOT NULL,
    message_id BIGINT NOT NULL,
    status VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    reason VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    targets MEDIUMBLOB NOT NULL,
    recipients BIGINT NOT NULL,
    sent BIGINT NOT NULL,
    not_friend BIGINT NOT NULL,
    over_quota BIGINT NOT NULL,
    senders BIGINT NOT NULL,
    published BIGINT NOT NULL,
    began_at DATETIME(3) NOT NULL,
    confirm_by DATETIME(3) NOT NULL,
    remind_at DATETIME(3),
    reminded VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    poll_at DATETIME(3),
    polls INT NOT NULL,
    version BIGINT NOT NULL,
    settled_at DATETIME(3),
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_sender_task_call_id (call_id),
    KEY ix_sender_task_poll_at (poll_at),
    KEY ix_sender_task_remind_at (remind_at),
    KEY ix_sender_task_status_confirm_by (status, confirm_by),
    KEY ix_sender_task_account_id_platform_id (account_id, platform_id),
    KEY ix_sender_task_source_source_id (source, source_id),
    KEY ix_sender_task_staff_id_status (staff_id, status)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

-- What the platform let through to a customer or a group in a period.
CREATE TABLE IF NOT EXISTS mass_quota (
    id BIGINT NOT NULL AUTO_INCREMENT,
    account_id BIGINT NOT NULL,
    customer_id BIGINT NOT NULL,
    group_id BIGINT NOT NULL,
    period VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    used BIGINT NOT NULL,
    spent BOOLEAN NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_mass_quota_account_id_period_customer_id_group_id (account_id, period, customer_id, group_id),
    KEY ix_mass_quota_customer_id (customer_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

-- Which delivery a platform's id stands for.
CREATE TABLE IF NOT EXISTS channel_receipt (
    id BIGINT NOT NULL AUTO_INCREMENT,
    channel VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    account_id BIGINT NOT NULL,
    platform_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    delivery_id BIGINT NOT NULL,
    created_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_channel_receipt_channel_account_id_platform_id (channel, account_id, platform_id),
    KEY ix_channel_receipt_created_at (created_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

-- What operators set for a channel.
CREATE TABLE IF NOT EXISTS channel_setting (
    id BIGINT NOT NULL AUTO_INCREMENT,
    channel VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    account_id BIGINT NOT NULL,
    settings TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    sealed_secret BLOB,
    enabled BOOLEAN NOT NULL,
    updated_by BIGINT NOT NULL,
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_channel_setting_channel_account_id (channel, account_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

-- Templates of mini-programs.
CREATE TABLE IF NOT EXISTS subscribe_template (
    id BIGINT NOT NULL AUTO_INCREMENT,
    account_id BIGINT NOT NULL,
    template_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    title VARCHAR(64) NOT NULL,
    content TEXT NOT NULL,
    example TEXT NOT NULL,
    type INT NOT NULL,
    gone_at DATETIME(3),
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_subscribe_template_account_id_template_id (account_id, template_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

-- Consents to templates: each lets one message through.
CREATE TABLE IF NOT EXISTS subscribe_grant (
    id BIGINT NOT NULL AUTO_INCREMENT,
    account_id BIGINT NOT NULL,
    customer_id BIGINT NOT NULL,
    openid VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    template_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    by_client BIGINT NOT NULL,
    by_event BIGINT NOT NULL,
    used BIGINT NOT NULL,
    refused_at DATETIME(3),
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_subscribe_grant_account_id_openid_template_id (account_id, openid, template_id),
    KEY ix_subscribe_grant_customer_id (customer_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

-- Customer-service accounts.
CREATE TABLE IF NOT EXISTS kf_account (
    id BIGINT NOT NULL AUTO_INCREMENT,
    account_id BIGINT NOT NULL,
    open_kfid VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    name VARCHAR(64) NOT NULL,
    managed BOOLEAN NOT NULL,
    read_to VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    gone_at DATETIME(3),
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_kf_account_account_id_open_kfid (account_id, open_kfid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

-- How far a customer may be answered in a customer-service account.
CREATE TABLE IF NOT EXISTS kf_window (
    id BIGINT NOT NULL AUTO_INCREMENT,
    account_id BIGINT NOT NULL,
    open_kfid VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    customer_id BIGINT NOT NULL,
    external_userid VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    last_at DATETIME(3) NOT NULL,
    sent BIGINT NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_kf_window_account_id_open_kfid_external_userid (account_id, open_kfid, external_userid),
    KEY ix_kf_window_customer_id (customer_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

-- The mini-program's inbox.
CREATE TABLE IF NOT EXISTS letter (
    id BIGINT NOT NULL AUTO_INCREMENT,
    customer_id BIGINT NOT NULL,
    account_id BIGINT NOT NULL,
    delivery_id BIGINT NOT NULL,
    subject VARCHAR(255) NOT NULL,
    content TEXT NOT NULL,
    expires_at DATETIME(3),
    read_at DATETIME(3),
    removed_at DATETIME(3),
    created_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_letter_delivery_id (delivery_id),
    KEY ix_letter_customer_id_id (customer_id, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

-- What a member of staff is to send to a customer by hand.
CREATE TABLE IF NOT EXISTS task_message (
    id BIGINT NOT NULL AUTO_INCREMENT,
    delivery_id BIGINT NOT NULL,
    task_id BIGINT NOT NULL,
    account_id BIGINT NOT NULL,
    staff_id BIGINT NOT NULL,
    customer_id BIGINT NOT NULL,
    content TEXT NOT NULL,
    reported BOOLEAN NOT NULL,
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_task_message_delivery_id (delivery_id),
    KEY ix_task_message_task_id (task_id),
    KEY ix_task_message_customer_id (customer_id),
    KEY ix_task_message_reported (reported)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
