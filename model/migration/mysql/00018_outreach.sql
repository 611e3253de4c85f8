-- +goose NO TRANSACTION
-- +goose Up
-- One row per intended message. "shelf" is what indexes need of the state: a delivery that goes well changes it once.
CREATE TABLE IF NOT EXISTS delivery (
    id BIGINT NOT NULL AUTO_INCREMENT,
    source VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    source_id BIGINT NOT NULL,
    step VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    customer_id BIGINT NOT NULL,
    group_id BIGINT NOT NULL,
    occurrence VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    lane_id BIGINT NOT NULL,
    shelf TINYINT NOT NULL,
    state TINYINT NOT NULL,
    message_id BIGINT NOT NULL,
    vars TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    due_at DATETIME(3) NOT NULL,
    expires_at DATETIME(3),
    claim_id BIGINT NOT NULL,
    attempts INT NOT NULL,
    platform_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    class VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    code INT NOT NULL,
    reason VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    accepted_at DATETIME(3),
    read_at DATETIME(3),
    clicked_at DATETIME(3),
    converted_at DATETIME(3),
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_delivery_intent (source, source_id, step, customer_id, group_id, occurrence),
    KEY ix_delivery_shelf_lane_id_due_at (shelf, lane_id, due_at),
    KEY ix_delivery_customer_id (customer_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS delivery_lane (
    id BIGINT NOT NULL AUTO_INCREMENT,
    alike VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    source VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    source_id BIGINT NOT NULL,
    step VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    channel VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    account_id BIGINT NOT NULL,
    staff_id BIGINT NOT NULL,
    topic VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    transactional BOOLEAN NOT NULL,
    targeted BOOLEAN NOT NULL,
    priority INT NOT NULL,
    created_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_delivery_lane_alike (alike),
    KEY ix_delivery_lane_source_source_id (source, source_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

-- How many deliveries of a lane are in a state: the sum of the changes. Written without waiting for anybody; folded from time to time.
CREATE TABLE IF NOT EXISTS delivery_tally (
    id BIGINT NOT NULL AUTO_INCREMENT,
    lane_id BIGINT NOT NULL,
    state TINYINT NOT NULL,
    changed BIGINT NOT NULL,
    PRIMARY KEY (id),
    KEY ix_delivery_tally_lane_id_state (lane_id, state)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

-- Deliveries in the hands of one process. It holds them while token and fence are as it knows them.
CREATE TABLE IF NOT EXISTS delivery_claim (
    id BIGINT NOT NULL AUTO_INCREMENT,
    lane_id BIGINT NOT NULL,
    token VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    fence BIGINT NOT NULL,
    lease_until DATETIME(3) NOT NULL,
    deliveries MEDIUMBLOB NOT NULL,
    created_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    KEY ix_delivery_claim_lease_until (lease_until)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

-- One call of a platform, or a handful of calls for one delivery each: written before, settled after.
CREATE TABLE IF NOT EXISTS delivery_call (
    id BIGINT NOT NULL AUTO_INCREMENT,
    claim_id BIGINT NOT NULL,
    lane_id BIGINT NOT NULL,
    channel VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    account_id BIGINT NOT NULL,
    staff_id BIGINT NOT NULL,
    message_id BIGINT NOT NULL,
    single BOOLEAN NOT NULL,
    state VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    deliveries MEDIUMBLOB NOT NULL,
    marker VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    platform_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    tries INT NOT NULL,
    ask_at DATETIME(3),
    began_at DATETIME(3) NOT NULL,
    settled_at DATETIME(3),
    PRIMARY KEY (id),
    KEY ix_delivery_call_claim_id (claim_id),
    KEY ix_delivery_call_lane_id (lane_id),
    KEY ix_delivery_call_state_ask_at (state, ask_at),
    KEY ix_delivery_call_channel_platform_id (channel, platform_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS delivery_pause (
    id BIGINT NOT NULL AUTO_INCREMENT,
    subject VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    reason VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    paused_by BIGINT NOT NULL,
    until DATETIME(3),
    created_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_delivery_pause_subject (subject)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

-- How far a set of customers has been planned.
CREATE TABLE IF NOT EXISTS delivery_plan (
    id BIGINT NOT NULL AUTO_INCREMENT,
    source VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    source_id BIGINT NOT NULL,
    mark VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    after_id BIGINT NOT NULL,
    planned BIGINT NOT NULL,
    done BOOLEAN NOT NULL,
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_delivery_plan_mark (mark),
    KEY ix_delivery_plan_source_source_id (source, source_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
