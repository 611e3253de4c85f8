-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS customer_lifecycle (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    customer_id INTEGER NOT NULL,
    stage VARCHAR(32) NOT NULL,
    stage_since DATETIME NOT NULL,
    stage_changes INTEGER NOT NULL,
    lapsed_at DATETIME,
    recency INTEGER NOT NULL,
    frequency INTEGER NOT NULL,
    monetary INTEGER NOT NULL,
    value_score INTEGER NOT NULL,
    value_grade VARCHAR(16) NOT NULL,
    risk_score INTEGER NOT NULL,
    risk_grade VARCHAR(16) NOT NULL,
    alive_bp INTEGER NOT NULL,
    expected_fen INTEGER NOT NULL,
    computed_at DATETIME NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_customer_lifecycle_stage_since ON customer_lifecycle (stage_since);
CREATE UNIQUE INDEX IF NOT EXISTS uq_customer_lifecycle_customer_id ON customer_lifecycle (customer_id);
CREATE INDEX IF NOT EXISTS ix_customer_lifecycle_stage_customer_id ON customer_lifecycle (stage, customer_id);
CREATE INDEX IF NOT EXISTS ix_customer_lifecycle_value_score_customer_id ON customer_lifecycle (value_score, customer_id);
CREATE INDEX IF NOT EXISTS ix_customer_lifecycle_expected_fen_customer_id ON customer_lifecycle (expected_fen, customer_id);
CREATE INDEX IF NOT EXISTS ix_customer_lifecycle_recency_frequency_monetary ON customer_lifecycle (recency, frequency, monetary);

CREATE TABLE IF NOT EXISTS stage_change (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    customer_id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    from_stage VARCHAR(32) NOT NULL,
    to_stage VARCHAR(32) NOT NULL,
    day INTEGER NOT NULL,
    cause VARCHAR(16) NOT NULL,
    changed_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_stage_change_customer_id_number ON stage_change (customer_id, number);
CREATE INDEX IF NOT EXISTS ix_stage_change_day_from_stage_to_stage ON stage_change (day, from_stage, to_stage);

CREATE TABLE IF NOT EXISTS lifecycle_stage (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name VARCHAR(32) NOT NULL,
    title VARCHAR(64) COLLATE NOCASE NOT NULL,
    phase VARCHAR(16) NOT NULL,
    position INTEGER NOT NULL,
    enter_rule TEXT NOT NULL,
    stay_rule TEXT NOT NULL,
    hold_days INTEGER NOT NULL,
    lapse BOOLEAN NOT NULL,
    playbook TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_lifecycle_stage_name ON lifecycle_stage (name);

CREATE TABLE IF NOT EXISTS lifecycle_setting (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    slot INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    body TEXT NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_lifecycle_setting_slot ON lifecycle_setting (slot);

CREATE TABLE IF NOT EXISTS lifecycle_run (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    running_slot INTEGER,
    status VARCHAR(16) NOT NULL,
    cause VARCHAR(16) NOT NULL,
    phase VARCHAR(16) NOT NULL,
    done_id INTEGER NOT NULL,
    total INTEGER NOT NULL,
    finished INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    basis_id INTEGER NOT NULL,
    error VARCHAR(255) COLLATE NOCASE NOT NULL,
    started_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    finished_at DATETIME
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_lifecycle_run_running_slot ON lifecycle_run (running_slot);

CREATE TABLE IF NOT EXISTS lifecycle_basis (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    day INTEGER NOT NULL,
    body TEXT NOT NULL,
    created_at DATETIME NOT NULL
);

CREATE TABLE IF NOT EXISTS stage_day (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    day INTEGER NOT NULL,
    stage VARCHAR(32) NOT NULL,
    customers INTEGER NOT NULL,
    value_score INTEGER NOT NULL,
    expected_fen INTEGER NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_stage_day_day_stage ON stage_day (day, stage);
