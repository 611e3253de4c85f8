-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS tag_grant (
    id BIGINT NOT NULL AUTO_INCREMENT,
    customer_id BIGINT NOT NULL,
    tag_id BIGINT NOT NULL,
    source VARCHAR(32) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    source_id BIGINT NOT NULL,
    expires_at DATETIME(3),
    created_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_tag_grant_customer_id_tag_id_source_source_id (customer_id, tag_id, source, source_id),
    KEY ix_tag_grant_tag_id_customer_id (tag_id, customer_id),
    KEY ix_tag_grant_expires_at (expires_at),
    KEY ix_tag_grant_source_source_id_customer_id (source, source_id, customer_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

