-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS segment (
    id BIGINT NOT NULL AUTO_INCREMENT,
    name VARCHAR(64) NOT NULL,
    note VARCHAR(255) NOT NULL,
    kind VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    rule TEXT NOT NULL,
    minors BOOLEAN NOT NULL,
    version BIGINT NOT NULL,
    source_id BIGINT NOT NULL,
    members BIGINT NOT NULL,
    built_version BIGINT NOT NULL,
    built_at DATETIME(3),
    build_ms BIGINT NOT NULL,
    timed_until DATETIME(3),
    warning VARCHAR(255) NOT NULL,
    error VARCHAR(255) NOT NULL,
    created_by BIGINT NOT NULL,
    gone_at DATETIME(3),
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS segment_version (
    id BIGINT NOT NULL AUTO_INCREMENT,
    segment_id BIGINT NOT NULL,
    version BIGINT NOT NULL,
    rule TEXT NOT NULL,
    minors BOOLEAN NOT NULL,
    changed_by BIGINT NOT NULL,
    created_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_segment_version_segment_id_version (segment_id, version)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS segment_build (
    id BIGINT NOT NULL AUTO_INCREMENT,
    segment_id BIGINT NOT NULL,
    running_segment_id BIGINT,
    version BIGINT NOT NULL,
    status VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    after_id BIGINT NOT NULL,
    last_id BIGINT NOT NULL,
    entered BIGINT NOT NULL,
    departed BIGINT NOT NULL,
    read_ms BIGINT NOT NULL,
    error VARCHAR(255) NOT NULL,
    asked_by BIGINT NOT NULL,
    started_at DATETIME(3) NOT NULL,
    finished_at DATETIME(3),
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_segment_build_running_segment_id (running_segment_id),
    KEY ix_segment_build_segment_id_id (segment_id, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS segment_size (
    id BIGINT NOT NULL AUTO_INCREMENT,
    segment_id BIGINT NOT NULL,
    day INT NOT NULL,
    members BIGINT NOT NULL,
    entered BIGINT NOT NULL,
    departed BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_segment_size_segment_id_day (segment_id, day)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS segment_member (
    segment_id BIGINT NOT NULL,
    customer_id BIGINT NOT NULL,
    stay INT NOT NULL,
    entered_at DATETIME(3) NOT NULL,
    left_at DATETIME(3),
    mark BIGINT NOT NULL,
    PRIMARY KEY (segment_id, customer_id),
    KEY ix_segment_member_customer_id (customer_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
