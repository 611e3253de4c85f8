package model

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
	"gorm.io/gorm"
)

// The migrations are numbered SQL files, forward only, one folder per dialect. MySQL can't roll back
// a change of schema, so each statement may be repeated after a crash (IF NOT EXISTS and the like).
//
//go:embed migration
var migrations embed.FS

// Migrate brings the schema to the newest version and returns how many steps it took. Any number of
// processes may call it at once: on MySQL a named lock lets one through at a time.
func Migrate(ctx context.Context, db *gorm.DB) (steps int, err error) {
	pool, err := db.DB()
	if err != nil {
		return 0, err
	}
	unlock, err := migrationLock(ctx, db, pool)
	if err != nil {
		return 0, err
	}
	defer unlock()
	p, err := provider(db, pool)
	if err != nil {
		return 0, err
	}
	done, err := p.Up(ctx)
	if err != nil {
		return len(done), fmt.Errorf("migrate: %w", err)
	}
	return len(done), nil
}

// Pending tells how many migrations the schema lacks; the server refuses to start unless it is 0.
func Pending(ctx context.Context, db *gorm.DB) (int, error) {
	pool, err := db.DB()
	if err != nil {
		return 0, err
	}
	p, err := provider(db, pool)
	if err != nil {
		return 0, err
	}
	current, target, err := p.GetVersions(ctx)
	if err != nil {
		return 0, fmt.Errorf("read schema version: %w", err)
	}
	if current > target {
		return 0, fmt.Errorf("the schema has version %d, newer than this program knows (%d): run the newer program", current, target)
	}
	n := 0
	for _, s := range p.ListSources() {
		if s.Version > current {
			n++
		}
	}
	return n, nil
}

func provider(db *gorm.DB, pool *sql.DB) (*goose.Provider, error) {
	dialect, folder := database.DialectMySQL, "migration/mysql"
	if IsSQLite(db) {
		dialect, folder = database.DialectSQLite3, "migration/sqlite"
	}
	files, err := fs.Sub(migrations, folder)
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(dialect, pool, files, goose.WithTableName("schema_version"), goose.WithLogger(goose.NopLogger()))
}

func migrationLock(ctx context.Context, db *gorm.DB, pool *sql.DB) (unlock func(), err error) {
	if IsSQLite(db) {
		return oneWriter(ctx, db)
	}
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	var got sql.NullInt64
	err = conn.QueryRowContext(ctx, "SELECT GET_LOCK(CONCAT('zhiyin.migrate.', DATABASE()), 60)").Scan(&got)
	if err == nil && got.Int64 != 1 {
		err = fmt.Errorf("another process has been migrating for a minute")
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("migrate: %w", err)
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		conn.ExecContext(ctx, "SELECT RELEASE_LOCK(CONCAT('zhiyin.migrate.', DATABASE()))")
		conn.Close()
	}, nil
}
