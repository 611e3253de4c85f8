-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS journey (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name VARCHAR(64) COLLATE NOCASE NOT NULL,
    note VARCHAR(255) COLLATE NOCASE NOT NULL,
    state VARCHAR(16) NOT NULL,
    draft TEXT NOT NULL,
    draft_version INTEGER NOT NULL,
    version INTEGER NOT NULL,
    entered INTEGER NOT NULL,
    entry_day INTEGER NOT NULL,
    entry_count INTEGER NOT NULL,
    until DATETIME,
    error VARCHAR(255) COLLATE NOCASE NOT NULL,
    created_by INTEGER NOT NULL,
    gone_at DATETIME,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_journey_state_id ON journey (state, id);

CREATE TABLE IF NOT EXISTS journey_version (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    journey_id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    definition TEXT NOT NULL,
    live BOOLEAN NOT NULL,
    created_by INTEGER NOT NULL,
    created_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_journey_version_journey_id_number ON journey_version (journey_id, number);
CREATE INDEX IF NOT EXISTS ix_journey_version_live_journey_id ON journey_version (live, journey_id);

CREATE TABLE IF NOT EXISTS enrolment (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    journey_id INTEGER NOT NULL,
    version INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    entry_key VARCHAR(64) NOT NULL,
    turn INTEGER NOT NULL,
    state VARCHAR(16) NOT NULL,
    node VARCHAR(32) NOT NULL,
    visit INTEGER NOT NULL,
    arrived_at DATETIME NOT NULL,
    due_at DATETIME NOT NULL,
    wake VARCHAR(32) NOT NULL,
    fence INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    reason VARCHAR(255) COLLATE NOCASE NOT NULL,
    cause VARCHAR(64) NOT NULL,
    event_id INTEGER NOT NULL,
    said TEXT NOT NULL,
    entered_at DATETIME NOT NULL,
    ended_at DATETIME,
    goal_until DATETIME,
    goal_at DATETIME,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_enrolment_journey_id_customer_id_entry_key_turn ON enrolment (journey_id, customer_id, entry_key, turn);
CREATE INDEX IF NOT EXISTS ix_enrolment_journey_id_state_due_at ON enrolment (journey_id, state, due_at);
CREATE INDEX IF NOT EXISTS ix_enrolment_customer_id_journey_id ON enrolment (customer_id, journey_id);

CREATE TABLE IF NOT EXISTS enrolment_visit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    enrolment_id INTEGER NOT NULL,
    visit INTEGER NOT NULL,
    node VARCHAR(32) NOT NULL,
    outcome VARCHAR(32) NOT NULL,
    at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_enrolment_visit_enrolment_id_visit ON enrolment_visit (enrolment_id, visit);

CREATE TABLE IF NOT EXISTS journey_count (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    journey_id INTEGER NOT NULL,
    version INTEGER NOT NULL,
    node VARCHAR(32) NOT NULL,
    outcome VARCHAR(32) NOT NULL,
    times INTEGER NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_journey_count_journey_id_version_node_outcome ON journey_count (journey_id, version, node, outcome);

CREATE TABLE IF NOT EXISTS journey_rehearsal (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    journey_id INTEGER NOT NULL,
    definition TEXT NOT NULL,
    asked TEXT NOT NULL,
    state VARCHAR(16) NOT NULL,
    total INTEGER NOT NULL,
    done INTEGER NOT NULL,
    result TEXT NOT NULL,
    error VARCHAR(255) COLLATE NOCASE NOT NULL,
    cancel_asked BOOLEAN NOT NULL,
    staff_id INTEGER NOT NULL,
    created_at DATETIME NOT NULL,
    started_at DATETIME,
    ended_at DATETIME
);
CREATE INDEX IF NOT EXISTS ix_journey_rehearsal_journey_id_id ON journey_rehearsal (journey_id, id);
