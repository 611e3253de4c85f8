-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS event_day (
    id BIGINT NOT NULL AUTO_INCREMENT,
    customer_id BIGINT NOT NULL,
    kind VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    item VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    day INT NOT NULL,
    times BIGINT NOT NULL,
    value BIGINT NOT NULL,
    first_at DATETIME(3) NOT NULL,
    last_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_event_day_customer_id_kind_item_day (customer_id, kind, item, day),
    KEY ix_event_day_kind_day_customer_id (kind, day, customer_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
