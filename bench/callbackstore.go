package bench

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"strings"

	sqldriver "github.com/go-sql-driver/mysql"
	gormmysql "gorm.io/driver/mysql"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/gorm/schema"

	"zhiyin/model"
	"zhiyin/service/intake"
)

// openNaive opens the database as GORM's own documentation does: a transaction around each statement,
// statements prepared by the server. Only the pool is as large as the load, or c would measure logins.
func openNaive(ctx context.Context, o CallbackOptions) (*gorm.DB, error) {
	dsn, onMySQL := strings.CutPrefix(o.DSN, "mysql://")
	if !onMySQL {
		db, err := model.Open(ctx, model.Options{DSN: o.DSN})
		if err != nil {
			return nil, err
		}
		return db.Session(&gorm.Session{SkipDefaultTransaction: false}), nil
	}
	c, err := sqldriver.ParseDSN(dsn)
	if err != nil {
		return nil, fmt.Errorf("the MySQL DSN can't be read: %w", err)
	}
	c.ParseTime = true
	db, err := gorm.Open(gormmysql.Open(c.FormatDSN()), &gorm.Config{
		NamingStrategy: schema.NamingStrategy{SingularTable: true}, Logger: logger.Discard,
	})
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	pool, err := db.DB()
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(o.Connections)
	pool.SetMaxIdleConns(o.Connections)
	return db, nil
}

// naiveStore inserts one row per message.
type naiveStore struct{ db *gorm.DB }

// Receive implements callback.Inbox.
func (s naiveStore) Receive(ctx context.Context, acct *model.Account, message []byte, m intake.Meta) error {
	sum := sha256.Sum256(message)
	return s.db.WithContext(ctx).Create(&model.Inbox{
		AccountID: acct.ID, Digest: sum[:], Kind: "change_external_contact.add_external_contact", Body: message,
		Stale: m.Stale, State: intake.StateNew, ReceivedAt: m.ReceivedAt,
	}).Error
}

func emptyInbox(ctx context.Context, db *gorm.DB) error {
	statement := "TRUNCATE TABLE inbox"
	if model.IsSQLite(db) {
		statement = "DELETE FROM inbox"
	}
	return db.WithContext(ctx).Exec(statement).Error
}

// holdsAll says whether as many different messages are stored as were acknowledged.
func holdsAll(ctx context.Context, db *gorm.DB, acknowledged int) error {
	var n int64
	if err := db.WithContext(ctx).Model(&model.Inbox{}).Count(&n).Error; err != nil {
		return err
	}
	if n < int64(acknowledged) {
		return fmt.Errorf("%d acknowledged, %d stored", acknowledged, n)
	}
	return nil
}

func insertBare(ctx context.Context, db *gorm.DB, rows int, body []byte) error {
	var q strings.Builder
	q.WriteString("INSERT INTO inbox (account_id,digest,kind,body,stale,lane,state,error,received_at,replays) VALUES ")
	args := make([]any, 0, 2*rows)
	for i := range rows {
		if i > 0 {
			q.WriteByte(',')
		}
		q.WriteString("(1,?,'change_external_contact.add_external_contact',?,0,10,'new','','2026-11-22 04:00:00.000',0)")
		digest := make([]byte, sha256.Size)
		rand.Read(digest)
		args = append(args, digest, body)
	}
	pool, err := db.DB()
	if err != nil {
		return err
	}
	_, err = pool.ExecContext(ctx, q.String(), args...)
	return err
}
