-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS product (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    number VARCHAR(64) NOT NULL,
    name VARCHAR(255) COLLATE NOCASE NOT NULL,
    category_id INTEGER NOT NULL,
    price_fen INTEGER NOT NULL,
    image_url VARCHAR(1024) NOT NULL,
    page_path VARCHAR(512) NOT NULL,
    status VARCHAR(16) NOT NULL,
    version INTEGER NOT NULL,
    fingerprint BLOB,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_product_number ON product (number);
CREATE INDEX IF NOT EXISTS ix_product_category_id ON product (category_id);

CREATE TABLE IF NOT EXISTS product_category (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    number VARCHAR(64) NOT NULL,
    parent_id INTEGER NOT NULL,
    name VARCHAR(128) COLLATE NOCASE NOT NULL,
    version INTEGER NOT NULL,
    fingerprint BLOB,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_product_category_number ON product_category (number);
CREATE INDEX IF NOT EXISTS ix_product_category_parent_id ON product_category (parent_id);

CREATE TABLE IF NOT EXISTS customer_order (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    number VARCHAR(64) NOT NULL,
    shop VARCHAR(64) NOT NULL,
    customer_id INTEGER NOT NULL,
    buyer_kind VARCHAR(32) NOT NULL,
    buyer_scope VARCHAR(64) NOT NULL,
    buyer_value VARCHAR(128) NOT NULL,
    status VARCHAR(16) NOT NULL,
    total_fen INTEGER NOT NULL,
    discount_fen INTEGER NOT NULL,
    paid_fen INTEGER NOT NULL,
    refunded_fen INTEGER NOT NULL,
    placed_at DATETIME NOT NULL,
    paid_at DATETIME,
    completed_at DATETIME,
    version INTEGER NOT NULL,
    fingerprint BLOB,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_customer_order_number ON customer_order (number);
CREATE INDEX IF NOT EXISTS ix_customer_order_customer_id_paid_at ON customer_order (customer_id, paid_at);
CREATE INDEX IF NOT EXISTS ix_customer_order_buyer_kind_buyer_scope_buyer_value ON customer_order (buyer_kind, buyer_scope, buyer_value);
CREATE INDEX IF NOT EXISTS ix_customer_order_paid_at_customer_id ON customer_order (paid_at, customer_id);
CREATE INDEX IF NOT EXISTS ix_customer_order_placed_at ON customer_order (placed_at);

CREATE TABLE IF NOT EXISTS order_line (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    order_id INTEGER NOT NULL,
    line INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    product_id INTEGER NOT NULL,
    category_id INTEGER NOT NULL,
    name VARCHAR(255) COLLATE NOCASE NOT NULL,
    quantity INTEGER NOT NULL,
    price_fen INTEGER NOT NULL,
    paid_fen INTEGER NOT NULL,
    refunded_fen INTEGER NOT NULL,
    paid_at DATETIME
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_order_line_order_id_line ON order_line (order_id, line);
CREATE INDEX IF NOT EXISTS ix_order_line_product_id_customer_id_paid_at ON order_line (product_id, customer_id, paid_at);
CREATE INDEX IF NOT EXISTS ix_order_line_category_id_customer_id_paid_at ON order_line (category_id, customer_id, paid_at);
CREATE INDEX IF NOT EXISTS ix_order_line_customer_id_paid_at ON order_line (customer_id, paid_at);

CREATE TABLE IF NOT EXISTS refund (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    number VARCHAR(64) NOT NULL,
    order_number VARCHAR(64) NOT NULL,
    order_id INTEGER NOT NULL,
    customer_id INTEGER NOT NULL,
    line INTEGER NOT NULL,
    status VARCHAR(16) NOT NULL,
    amount_fen INTEGER NOT NULL,
    refunded_at DATETIME,
    version INTEGER NOT NULL,
    fingerprint BLOB,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_refund_number ON refund (number);
CREATE INDEX IF NOT EXISTS ix_refund_order_id ON refund (order_id);
CREATE INDEX IF NOT EXISTS ix_refund_customer_id ON refund (customer_id);

CREATE TABLE IF NOT EXISTS customer_trade (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    customer_id INTEGER NOT NULL,
    orders INTEGER NOT NULL,
    paid_fen INTEGER NOT NULL,
    refunded_fen INTEGER NOT NULL,
    first_paid_at DATETIME,
    last_paid_at DATETIME,
    updated_at DATETIME NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_customer_trade_first_paid_at ON customer_trade (first_paid_at);
CREATE UNIQUE INDEX IF NOT EXISTS uq_customer_trade_customer_id ON customer_trade (customer_id);
CREATE INDEX IF NOT EXISTS ix_customer_trade_orders_customer_id ON customer_trade (orders, customer_id);
CREATE INDEX IF NOT EXISTS ix_customer_trade_paid_fen_customer_id ON customer_trade (paid_fen, customer_id);
CREATE INDEX IF NOT EXISTS ix_customer_trade_last_paid_at_customer_id ON customer_trade (last_paid_at, customer_id);
