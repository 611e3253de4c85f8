-- +goose NO TRANSACTION
-- +goose Up
-- What the platform counts of each staff member, day by day. Read again for some days, for it corrects its figures.
CREATE TABLE IF NOT EXISTS staff_activity (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL,
    staff_id INTEGER NOT NULL,
    day VARCHAR(10) NOT NULL,
    chats INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    negative INTEGER NOT NULL,
    applied INTEGER NOT NULL,
    met INTEGER NOT NULL,
    reply_bp INTEGER,
    reply_min INTEGER,
    new_groups INTEGER NOT NULL,
    groups_owned INTEGER NOT NULL,
    talking_groups INTEGER NOT NULL,
    new_members INTEGER NOT NULL,
    members INTEGER NOT NULL,
    talkers INTEGER NOT NULL,
    group_messages INTEGER NOT NULL,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS uq_staff_activity_staff_id_day ON staff_activity (staff_id, day);
CREATE INDEX IF NOT EXISTS ix_staff_activity_account_id_day ON staff_activity (account_id, day);
