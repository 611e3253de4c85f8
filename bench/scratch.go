package bench

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	sqldriver "github.com/go-sql-driver/mysql"

	"zhiyin/model"
)

// Database is an empty one to measure on.
type Database struct {
	DSN       string
	ServerPID int // 0: unknown
	// Drop removes it with all that is in it.
	Drop func() error
}

// Scratch makes an empty database: on the MySQL server that TEST_MYSQL_DSN names (scripts/services
// sets it, and TEST_MYSQL_PIDFILE), else a SQLite file in a temporary folder.
func Scratch(ctx context.Context) (*Database, error) {
	server := os.Getenv("TEST_MYSQL_DSN")
	if server == "" {
		dir, err := os.MkdirTemp("", "zhiyin-bench-")
		if err != nil {
			return nil, err
		}
		return &Database{DSN: "sqlite:" + filepath.Join(dir, "bench.db"), Drop: func() error { return os.RemoveAll(dir) }}, nil
	}
	c, err := sqldriver.ParseDSN(strings.TrimPrefix(server, "mysql://"))
	if err != nil {
		return nil, fmt.Errorf("TEST_MYSQL_DSN can't be read: %w", err)
	}
	c.DBName = ""
	admin := "mysql://" + c.FormatDSN()
	c.DBName = "zhiyin_bench_" + strings.ToLower(rand.Text()[:12])
	if err := execute(ctx, admin, "CREATE DATABASE "+c.DBName+" CHARACTER SET utf8mb4"); err != nil {
		return nil, err
	}
	return &Database{
		DSN: "mysql://" + c.FormatDSN(), ServerPID: PIDIn(os.Getenv("TEST_MYSQL_PIDFILE")),
		Drop: func() error { return execute(context.WithoutCancel(ctx), admin, "DROP DATABASE "+c.DBName) },
	}, nil
}

func execute(ctx context.Context, dsn, statement string) error {
	db, err := model.Open(ctx, model.Options{DSN: dsn})
	if err != nil {
		return err
	}
	defer model.Close(db)
	return db.WithContext(ctx).Exec(statement).Error
}

// PIDIn reads a process id from a file; 0 when there is none.
func PIDIn(file string) int {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(b)))
	return pid
}
