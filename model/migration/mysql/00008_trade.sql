-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS product (
    id BIGINT NOT NULL AUTO_INCREMENT,
    number VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    name VARCHAR(255) NOT NULL,
    category_id BIGINT NOT NULL,
    price_fen BIGINT NOT NULL,
    image_url VARCHAR(1024) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    page_path VARCHAR(512) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    status VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    version BIGINT NOT NULL,
    fingerprint VARBINARY(32),
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_product_number (number),
    KEY ix_product_category_id (category_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS product_category (
    id BIGINT NOT NULL AUTO_INCREMENT,
    number VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    parent_id BIGINT NOT NULL,
    name VARCHAR(128) NOT NULL,
    version BIGINT NOT NULL,
    fingerprint VARBINARY(32),
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_product_category_number (number),
    KEY ix_product_category_parent_id (parent_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS customer_order (
    id BIGINT NOT NULL AUTO_INCREMENT,
    number VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    shop VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    customer_id BIGINT NOT NULL,
    buyer_kind VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    buyer_scope VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    buyer_value VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    status VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    total_fen BIGINT NOT NULL,
    discount_fen BIGINT NOT NULL,
    paid_fen BIGINT NOT NULL,
    refunded_fen BIGINT NOT NULL,
    placed_at DATETIME(3) NOT NULL,
    paid_at DATETIME(3),
    completed_at DATETIME(3),
    version BIGINT NOT NULL,
    fingerprint VARBINARY(32),
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_customer_order_number (number),
    KEY ix_customer_order_customer_id_paid_at (customer_id, paid_at),
    KEY ix_customer_order_buyer_kind_buyer_scope_buyer_value (buyer_kind, buyer_scope, buyer_value),
    KEY ix_customer_order_paid_at_customer_id (paid_at, customer_id),
    KEY ix_customer_order_placed_at (placed_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS order_line (
    id BIGINT NOT NULL AUTO_INCREMENT,
    order_id BIGINT NOT NULL,
    line INT NOT NULL,
    customer_id BIGINT NOT NULL,
    product_id BIGINT NOT NULL,
    category_id BIGINT NOT NULL,
    name VARCHAR(255) NOT NULL,
    quantity BIGINT NOT NULL,
    price_fen BIGINT NOT NULL,
    paid_fen BIGINT NOT NULL,
    refunded_fen BIGINT NOT NULL,
    paid_at DATETIME(3),
    PRIMARY KEY (id),
    UNIQUE KEY uq_order_line_order_id_line (order_id, line),
    KEY ix_order_line_product_id_customer_id_paid_at (product_id, customer_id, paid_at),
    KEY ix_order_line_category_id_customer_id_paid_at (category_id, customer_id, paid_at),
    KEY ix_order_line_customer_id_paid_at (customer_id, paid_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS refund (
    id BIGINT NOT NULL AUTO_INCREMENT,
    number VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    order_number VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    order_id BIGINT NOT NULL,
    customer_id BIGINT NOT NULL,
    line INT NOT NULL,
    status VARCHAR(16) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    amount_fen BIGINT NOT NULL,
    refunded_at DATETIME(3),
    version BIGINT NOT NULL,
    fingerprint VARBINARY(32),
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_refund_number (number),
    KEY ix_refund_order_id (order_id),
    KEY ix_refund_customer_id (customer_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE IF NOT EXISTS customer_trade (
    id BIGINT NOT NULL AUTO_INCREMENT,
    customer_id BIGINT NOT NULL,
    orders BIGINT NOT NULL,
    paid_fen BIGINT NOT NULL,
    refunded_fen BIGINT NOT NULL,
    first_paid_at DATETIME(3),
    last_paid_at DATETIME(3),
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_customer_trade_customer_id (customer_id),
    KEY ix_customer_trade_orders_customer_id (orders, customer_id),
    KEY ix_customer_trade_paid_fen_customer_id (paid_fen, customer_id),
    KEY ix_customer_trade_last_paid_at_customer_id (last_paid_at, customer_id),
    KEY ix_customer_trade_first_paid_at (first_paid_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
