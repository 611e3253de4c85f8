package seed

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"

	sqldriver "github.com/go-sql-driver/mysql"
	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/fault"
)

// ErrNotEmpty: there are customers already, perhaps real ones.
var ErrNotEmpty = fault.New(fault.Conflict, "seed.not_empty", "数据库里已有客户，请换一个空库", "There are customers already; name an empty database")

// loader writes tables as fast as the database takes them: LOAD DATA LOCAL where the server allows it, else
// INSERTs of many rows.
type loader struct {
	db   *gorm.DB
	pool *sql.DB
	done *atomic.Int64
	bulk bool
}

func newLoader(ctx context.Context, db *gorm.DB, done *atomic.Int64) (*loader, error) {
	pool, err := db.DB()
	if err != nil {
		return nil, err
	}
	l := &loader{db: db, pool: pool, done: done}
	if !model.IsSQLite(db) {
		err = pool.QueryRowContext(ctx, "SELECT @@local_infile").Scan(&l.bulk)
	}
	return l, err
}

func (l *loader) writers() int {
	if model.IsSQLite(l.db) {
		return 1
	}
	return 2
}

func (l *loader) load(ctx context.Context, t table) error {
	d := &dice{}
	if l.bulk {
		return l.loadData(ctx, t, d)
	}
	return l.insert(ctx, t, d)
}

// loadData streams the rows into one statement: into an empty table MariaDB then sorts each index once instead of
// keeping it in order row by row.
func (l *loader) loadData(ctx context.Context, t table, d *dice) error {
	conn, err := l.pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, set := range []string{"SET SESSION unique_checks = 0", "SET SESSION foreign_key_checks = 0"} {
		if _, err := conn.ExecContext(ctx, set); err != nil {
			return err
		}
	}
	read, write := io.Pipe()
	name := fmt.Sprintf("seed-%p", write)
	sqldriver.RegisterReaderHandler(name, func() io.Reader { return read })
	defer sqldriver.DeregisterReaderHandler(name)
	written := make(chan error, 1)
	go func() {
		s := &sheet{done: l.done, limit: 1 << 18, flush: func(b []byte) error { _, err := write.Write(b); return err }}
		t.write(s, d)
		err := s.close()
		written <- err
		write.CloseWithError(err)
	}()
	_, err = conn.ExecContext(ctx, "LOAD DATA LOCAL INFILE 'Reader::"+name+"' INTO TABLE "+t.name+" CHARACTER SET utf8mb4 ("+t.columns+")")
	read.CloseWithError(errors.Join(err, io.ErrClosedPipe)) // the writer ends also when the statement failed
	if writeErr := <-written; err == nil {
		err = writeErr
	}
	return err
}

// insert writes many rows a statement, in one transaction.
func (l *loader) insert(ctx context.Context, t table, d *dice) error {
	tx, err := l.pool.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	head := "INSERT INTO " + t.name + " (" + t.columns + ") VALUES "
	s := &sheet{done: l.done, literal: true, sqlite: model.IsSQLite(l.db), limit: 1 << 17}
	s.flush = func(b []byte) error {
		_, err := tx.ExecContext(ctx, head+strings.TrimSuffix(string(b), ","))
		return err
	}
	t.write(s, d)
	if err := s.close(); err != nil {
		return err
	}
	return tx.Commit()
}

// patient lets the server take its time: while it sorts an index it reads nothing.
func patient(dsn string) string {
	rest, ok := strings.CutPrefix(dsn, "mysql://")
	if !ok {
		return dsn
	}
	c, err := sqldriver.ParseDSN(rest)
	if err != nil {
		return dsn // model.Open says what is wrong with it
	}
	c.WriteTimeout = patience
	return "mysql://" + c.FormatDSN()
}

func mustBeEmpty(ctx context.Context, db *gorm.DB) error {
	var ids []int64
	if err := db.WithContext(ctx).Model(&model.Customer{}).Limit(1).Pluck("id", &ids).Error; err != nil {
		return err
	}
	if len(ids) > 0 {
		return ErrNotEmpty
	}
	return nil
}

// analyse lets the optimiser know what it has; without it the first rules are planned blindly.
func analyse(ctx context.Context, db *gorm.DB) error {
	if model.IsSQLite(db) {
		return db.WithContext(ctx).Exec("ANALYZE").Error
	}
	return db.WithContext(ctx).Exec("ANALYZE TABLE customer, identity, relation, customer_tag, group_member, customer_order, order_line, customer_trade, event, event_day, customer_lifecycle").Error
}
