-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS lucky_draw (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name VARCHAR(64) COLLATE NOCASE NOT NULL,
    note VARCHAR(255) COLLATE NOCASE NOT NULL,
    style VARCHAR(16) NOT NULL,
    state VARCHAR(16) NOT NULL,
    valid_from DATETIME NOT NULL,
    valid_until DATETIME NOT NULL,
    segment_id INTEGER NOT NULL,
    need_check_in BOOLEAN NOT NULL,
    paid_days INTEGER NOT NULL,
    price INTEGER NOT NULL,
    per_day INTEGER NOT NULL,
    per_customer INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    sealed_seed VARBINARY(255),
    commitment VARBINARY(32),
    seed VARBINARY(32),
    version INTEGER NOT NULL,
    created_by INTEGER NOT NULL,
    changed_by INTEGER NOT NULL,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_lucky_draw_state_id ON lucky_draw (state, id);

CREATE TABLE IF NOT EXISTS draw_prize (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    draw_id INTEGER NOT NULL,
    place INTEGER NOT NULL,
    name VARCHAR(64) COLLATE NOCASE NOT NULL,
    kind VARCHAR(16) NOT NULL,
    batch_id INTEGER NOT NULL,
    points INTEGER NOT NULL,
    odds INTEGER NOT NULL,
    stock INTEGER NOT NULL,
    taken INTEGER NOT NULL,
    cost_fen INTEGER NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_draw_prize_draw_id_place ON draw_prize (draw_id, place);

CREATE TABLE IF NOT EXISTS draw_try (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    draw_id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    day INTEGER NOT NULL,
    request_key VARCHAR(96) NOT NULL,
    nonce VARCHAR(64) NOT NULL,
    roll INTEGER NOT NULL,
    place INTEGER NOT NULL,
    won BOOLEAN NOT NULL,
    prize_id INTEGER NOT NULL,
    state VARCHAR(16) NOT NULL,
    coupon_id INTEGER NOT NULL,
    staff_id INTEGER NOT NULL,
    note VARCHAR(255) COLLATE NOCASE NOT NULL,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_draw_try_draw_id_number ON draw_try (draw_id, number);
CREATE UNIQUE INDEX IF NOT EXISTS uq_draw_try_request_key ON draw_try (request_key);
CREATE INDEX IF NOT EXISTS ix_draw_try_customer_id_draw_id_day ON draw_try (customer_id, draw_id, day);
CREATE INDEX IF NOT EXISTS ix_draw_try_draw_id_state ON draw_try (draw_id, state);
