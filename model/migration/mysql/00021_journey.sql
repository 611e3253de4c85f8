-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS journey (
    id BIGINT NOT NULL AUTO_INCREMENT,
    name VARCHAR(64) NOT NULL,
    note VARCHAR(255) NOT NULL,
    state VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    draft MEDIUMTEXT NOT NULL,
    draft_version BIGINT NOT NULL,
    version INT NOT NULL,
    entered BIGINT NOT NULL,
    entry_day INT NOT NULL,
    entry_count BIGINT NOT NULL,
    until DATETIME(3),
    error VARCHAR(255) NOT NULL,
    created_by BIGINT NOT NULL,
    gone_at DATETIME(3),
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    KEY ix_journey_state_id (state, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS journey_version (
    id BIGINT NOT NULL AUTO_INCREMENT,
    journey_id BIGINT NOT NULL,
    number INT NOT NULL,
    definition MEDIUMTEXT NOT NULL,
    live BOOLEAN NOT NULL,
    created_by BIGINT NOT NULL,
    created_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_journey_version_journey_id_number (journey_id, number),
    KEY ix_journey_version_live_journey_id (live, journey_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS enrolment (
    id BIGINT NOT NULL AUTO_INCREMENT,
    journey_id BIGINT NOT NULL,
    version INT NOT NULL,
    customer_id BIGINT NOT NULL,
    entry_key VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    turn INT NOT NULL,
    state VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    node VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    visit INT NOT NULL,
    arrived_at DATETIME(3) NOT NULL,
    due_at DATETIME(3) NOT NULL,
    wake VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    fence BIGINT NOT NULL,
    tries INT NOT NULL,
    reason VARCHAR(255) NOT NULL,
    cause VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    event_id BIGINT NOT NULL,
    said TEXT NOT NULL,
    entered_at DATETIME(3) NOT NULL,
    ended_at DATETIME(3),
    goal_until DATETIME(3),
    goal_at DATETIME(3),
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_enrolment_journey_id_customer_id_entry_key_turn (journey_id, customer_id, entry_key, turn),
    KEY ix_enrolment_journey_id_state_due_at (journey_id, state, due_at),
    KEY ix_enrolment_customer_id_journey_id (customer_id, journey_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS enrolment_visit (
    id BIGINT NOT NULL AUTO_INCREMENT,
    enrolment_id BIGINT NOT NULL,
    visit INT NOT NULL,
    node VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    outcome VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_enrolment_visit_enrolment_id_visit (enrolment_id, visit)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS journey_count (
    id BIGINT NOT NULL AUTO_INCREMENT,
    journey_id BIGINT NOT NULL,
    version INT NOT NULL,
    node VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    outcome VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    times BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_journey_count_journey_id_version_node_outcome (journey_id, version, node, outcome)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS journey_rehearsal (
    id BIGINT NOT NULL AUTO_INCREMENT,
    journey_id BIGINT NOT NULL,
    definition MEDIUMTEXT NOT NULL,
    asked TEXT NOT NULL,
    state VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    total BIGINT NOT NULL,
    done BIGINT NOT NULL,
    result MEDIUMTEXT NOT NULL,
    error VARCHAR(255) NOT NULL,
    cancel_asked BOOLEAN NOT NULL,
    staff_id BIGINT NOT NULL,
    created_at DATETIME(3) NOT NULL,
    started_at DATETIME(3),
    ended_at DATETIME(3),
    PRIMARY KEY (id),
    KEY ix_journey_rehearsal_journey_id_id (journey_id, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
