-- +goose NO TRANSACTION
-- +goose Up
-- What the platform counts of each staff member, day by day. Read again for some days, for it corrects its figures.
CREATE TABLE IF NOT EXISTS staff_activity (
    id BIGINT NOT NULL AUTO_INCREMENT,
    account_id BIGINT NOT NULL,
    staff_id BIGINT NOT NULL,
    day VARCHAR(10) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    chats BIGINT NOT NULL,
    messages BIGINT NOT NULL,
    negative BIGINT NOT NULL,
    applied BIGINT NOT NULL,
    met BIGINT NOT NULL,
    reply_bp BIGINT,
    reply_min BIGINT,
    new_groups BIGINT NOT NULL,
    groups_owned BIGINT NOT NULL,
    talking_groups BIGINT NOT NULL,
    new_members BIGINT NOT NULL,
    members BIGINT NOT NULL,
    talkers BIGINT NOT NULL,
    group_messages BIGINT NOT NULL,
    created_at DATETIME(3) NOT NULL,
    updated_at DATETIME(3) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY uq_staff_activity_staff_id_day (staff_id, day),
    KEY ix_staff_activity_account_id_day (account_id, day)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
