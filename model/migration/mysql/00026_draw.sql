-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS lucky_draw (
    id BIGINT NOT NULL AUTO_INCREMENT,
    name VARCHAR(64) NOT NULL,
    note VARCHAR(255) NOT NULL,
    style VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    state VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    valid_from DATETIME(3) NOT NULL,
    valid_until DATETIME(3) NOT NULL,
    segment_id BIGINT NOT NULL,
    need_check_in BOOLEAN NOT NULL,
    paid_days INT NOT NULL,
    price BIGINT NOT NULL,
    per_day BIGINT NOT NULL,
    per_customer BIGINT NOT NULL,
    tries BIGINT NOT NULL,
    sealed_seed VARBINARY(255),
    commitment VARBINARY(32),
    seed VARBINARY(32),
    version BIGINT NOT NULL,
    created_by BIGINT NOT NULL,
    changed_by BIGINT NOT NULL,
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    KEY ix_lucky_draw_state_id (state, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS draw_prize (
    id BIGINT NOT NULL AUTO_INCREMENT,
    draw_id BIGINT NOT NULL,
    place INT NOT NULL,
    name VARCHAR(64) NOT NULL,
    kind VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    batch_id BIGINT NOT NULL,
    points BIGINT NOT NULL,
    odds INT NOT NULL,
    stock BIGINT NOT NULL,
    taken BIGINT NOT NULL,
    cost_fen BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_draw_prize_draw_id_place (draw_id, place)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS draw_try (
    id BIGINT NOT NULL AUTO_INCREMENT,
    draw_id BIGINT NOT NULL,
    number BIGINT NOT NULL,
    customer_id BIGINT NOT NULL,
    day INT NOT NULL,
    request_key VARCHAR(96) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    nonce VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    roll INT NOT NULL,
    place INT NOT NULL,
    won BOOLEAN NOT NULL,
    prize_id BIGINT NOT NULL,
    state VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    coupon_id BIGINT NOT NULL,
    staff_id BIGINT NOT NULL,
    note VARCHAR(255) NOT NULL,
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_draw_try_draw_id_number (draw_id, number),
    UNIQUE KEY uq_draw_try_request_key (request_key),
    KEY ix_draw_try_customer_id_draw_id_day (customer_id, draw_id, day),
    KEY ix_draw_try_draw_id_state (draw_id, state)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
