-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS account (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind VARCHAR(16) NOT NULL,
    name VARCHAR(32) NOT NULL,
    title VARCHAR(128) COLLATE NOCASE NOT NULL,
    platform_id VARCHAR(64) NOT NULL,
    agent_id INTEGER NOT NULL,
    sealed_secret BLOB,
    sealed_callback_token BLOB,
    sealed_callback_aes_key BLOB,
    sealed_old_callback_token BLOB,
    sealed_old_callback_aes_key BLOB,
    old_callback_until DATETIME,
    enabled BOOLEAN NOT NULL,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_account_name ON account (name);
CREATE UNIQUE INDEX IF NOT EXISTS uq_account_platform_id ON account (platform_id);

CREATE TABLE IF NOT EXISTS department (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL,
    platform_id INTEGER NOT NULL,
    parent_platform_id INTEGER NOT NULL,
    name VARCHAR(128) COLLATE NOCASE NOT NULL,
    position INTEGER NOT NULL,
    gone_at DATETIME,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_department_account_id_platform_id ON department (account_id, platform_id);

CREATE TABLE IF NOT EXISTS staff (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL,
    userid VARCHAR(64) NOT NULL,
    name VARCHAR(128) COLLATE NOCASE NOT NULL,
    alias VARCHAR(128) COLLATE NOCASE NOT NULL,
    avatar VARCHAR(1024) NOT NULL,
    position VARCHAR(128) COLLATE NOCASE NOT NULL,
    main_department INTEGER NOT NULL,
    platform_status INTEGER NOT NULL,
    serves_customers BOOLEAN NOT NULL,
    disabled BOOLEAN NOT NULL,
    gone_at DATETIME,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_staff_account_id_userid ON staff (account_id, userid);

CREATE TABLE IF NOT EXISTS staff_department (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    staff_id INTEGER NOT NULL,
    department_id INTEGER NOT NULL,
    is_leader BOOLEAN NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_staff_department_staff_id_department_id ON staff_department (staff_id, department_id);
CREATE INDEX IF NOT EXISTS ix_staff_department_department_id ON staff_department (department_id);

CREATE TABLE IF NOT EXISTS staff_role (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    staff_id INTEGER NOT NULL,
    role VARCHAR(32) NOT NULL,
    created_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_staff_role_staff_id_role ON staff_role (staff_id, role);

CREATE TABLE IF NOT EXISTS staff_login (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    staff_id INTEGER NOT NULL,
    login VARCHAR(128) NOT NULL,
    password_hash VARCHAR(255) NOT NULL,
    changed_at DATETIME NOT NULL,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_staff_login_staff_id ON staff_login (staff_id);
CREATE UNIQUE INDEX IF NOT EXISTS uq_staff_login_login ON staff_login (login);

CREATE TABLE IF NOT EXISTS sign_in_failure (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    bucket BLOB NOT NULL,
    failures INTEGER NOT NULL,
    ends_at DATETIME NOT NULL,
    created_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_sign_in_failure_bucket ON sign_in_failure (bucket);
CREATE INDEX IF NOT EXISTS ix_sign_in_failure_ends_at ON sign_in_failure (ends_at);

CREATE TABLE IF NOT EXISTS session (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    staff_id INTEGER NOT NULL,
    token_hash BLOB NOT NULL,
    face VARCHAR(16) NOT NULL,
    user_agent VARCHAR(255) COLLATE NOCASE NOT NULL,
    seen_at DATETIME NOT NULL,
    expires_at DATETIME NOT NULL,
    revoked_at DATETIME,
    created_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_session_token_hash ON session (token_hash);
CREATE INDEX IF NOT EXISTS ix_session_staff_id ON session (staff_id);
CREATE INDEX IF NOT EXISTS ix_session_expires_at ON session (expires_at);

CREATE TABLE IF NOT EXISTS task (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    staff_id INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    kind VARCHAR(64) NOT NULL,
    dedupe_key VARCHAR(191) NOT NULL,
    title VARCHAR(255) COLLATE NOCASE NOT NULL,
    note TEXT NOT NULL,
    status VARCHAR(16) NOT NULL,
    due_at DATETIME NOT NULL,
    closed_at DATETIME,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_task_dedupe_key ON task (dedupe_key);
CREATE INDEX IF NOT EXISTS ix_task_staff_id_status_due_at ON task (staff_id, status, due_at);
CREATE INDEX IF NOT EXISTS ix_task_customer_id ON task (customer_id);
