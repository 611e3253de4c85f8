// Package model holds the rows of the database, its migrations and its transactions. It holds no
// queries: those sit in the store.go of the capability that owns the table.
package model

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	sqldriver "github.com/go-sql-driver/mysql"
	gormmysql "gorm.io/driver/mysql"
	gormsqlite "gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/gorm/schema"
	_ "modernc.org/sqlite" // registers the driver "sqlite", without cgo
)

// Options says which database to open and within which bounds.
type Options struct {
	// DSN is "sqlite:PATH" or "mysql://" followed by a go-sql-driver/mysql data source name.
	DSN string
	// MaxConns bounds the pool; 0 means 20.
	MaxConns int
	// StatementTimeout ends a statement that runs longer; 0 means 5 s.
	StatementTimeout time.Duration
	// Now gives the created_at and updated_at of rows; nil means the system clock.
	Now func() time.Time
	// Volatile has SQLite not wait for the disk, for tests: a killed process loses nothing, a machine that
	// loses its power may.
	Volatile bool
}

// Open opens the database and checks that it answers. It changes no schema: see [Migrate].
// Every connection speaks UTC, utf8mb4 and strict SQL, and has a time limit per statement.
func Open(ctx context.Context, o Options) (*gorm.DB, error) {
	if o.MaxConns == 0 {
		o.MaxConns = 20
	}
	if o.StatementTimeout == 0 {
		o.StatementTimeout = 5 * time.Second
	}
	if o.Now == nil {
		o.Now = func() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }
	}
	var dialector gorm.Dialector
	var pool *sql.DB
	var err error
	switch scheme, rest, _ := strings.Cut(o.DSN, ":"); scheme {
	case "sqlite":
		pool, err = openSQLite(rest, o)
		dialector = gormsqlite.Dialector{DriverName: "sqlite", Conn: pool}
	case "mysql":
		pool, err = openMySQL(ctx, strings.TrimPrefix(rest, "//"), o)
		// The driver's own version probe would override what migrations decide.
		dialector = gormmysql.New(gormmysql.Config{Conn: pool, SkipInitializeWithVersion: true})
	default:
		return nil, fmt.Errorf("database DSN must begin with sqlite: or mysql://")
	}
	if err != nil {
		return nil, err
	}
	db, err := gorm.Open(dialector, &gorm.Config{
		NamingStrategy:         schema.NamingStrategy{SingularTable: true},
		NowFunc:                o.Now,
		Logger:                 logger.Discard, // errors are returned; statements may hold personal data
		SkipDefaultTransaction: true,           // InTx is the one way to open a transaction
		TranslateError:         false,
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open database: %w", err), pool.Close())
	}
	if err := pool.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("reach database: %w", err), pool.Close())
	}
	return db, nil
}

// Close closes the pool behind db.
func Close(db *gorm.DB) error {
	pool, err := db.DB()
	if err != nil {
		return err
	}
	return pool.Close()
}

func openSQLite(path string, o Options) (*sql.DB, error) {
	if dir := filepath.Dir(path); dir != "." {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make the database's folder: %w", err)
		}
	}
	q := url.Values{}
	synchronous := "FULL"
	if o.Volatile {
		synchronous = "OFF"
	}
	for _, p := range []string{"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(" + synchronous + ")", "foreign_keys(0)", "temp_store(MEMORY)"} {
		q.Add("_pragma", p)
	}
	q.Set("_txlock", "immediate") // a transaction that begins reading and then writes could not be retried in place
	q.Set("_time_format", "sqlite")
	q.Set("_texttotime", "1")
	q.Set("_timezone", "UTC")
	pool, err := sql.Open("sqlite", "file:"+path+"?"+q.Encode())
	if err != nil {
		return nil, fmt.Errorf("open sqlite: %w", err)
	}
	pool.SetMaxOpenConns(o.MaxConns)
	pool.SetMaxIdleConns(o.MaxConns)
	return pool, nil
}

// openMySQL asks the server what it is first, because the statement limit has another name and
// unit on MariaDB.
func openMySQL(ctx context.Context, dsn string, o Options) (*sql.DB, error) {
	c, err := sqldriver.ParseDSN(dsn)
	if err != nil {
		return nil, errors.New("the MySQL DSN can't be read; it looks like mysql://user:password@tcp(host:3306)/zhiyin")
	}
	c.ParseTime = true
	c.Loc = time.UTC
	c.InterpolateParams = true // one round trip instead of three; safe with utf8mb4
	c.Collation = "utf8mb4_general_ci"
	c.RejectReadOnly = true // a failed-over server is left at once, not kept in the pool
	setDefault(&c.Timeout, 3*time.Second)
	setDefault(&c.ReadTimeout, o.StatementTimeout+5*time.Second)
	setDefault(&c.WriteTimeout, 10*time.Second)
	if c.Params == nil {
		c.Params = map[string]string{}
	}
	version, err := serverVersion(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("reach database: %w", err)
	}
	c.Params["time_zone"] = "'+00:00'"
	c.Params["sql_mode"] = "'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'"
	c.Params["innodb_lock_wait_timeout"] = fmt.Sprint(lockWaitSeconds(o.StatementTimeout))
	c.Params["auto_increment_increment"] = "1" // GORM counts on the ids of one INSERT being consecutive
	// Of each connection, so that no transaction has to say it; MariaDB knew it by its old name alone until 11.1.
	if strings.Contains(version, "MariaDB") {
		c.Params["tx_isolation"] = "'READ-COMMITTED'"
		c.Params["max_statement_time"] = fmt.Sprintf("%.3f", o.StatementTimeout.Seconds())
	} else {
		c.Params["transaction_isolation"] = "'READ-COMMITTED'"
		c.Params["max_execution_time"] = fmt.Sprint(o.StatementTimeout.Milliseconds())
	}
	connector, err := sqldriver.NewConnector(c)
	if err != nil {
		return nil, fmt.Errorf("open mysql: %w", err)
	}
	pool := sql.OpenDB(connector)
	pool.SetMaxOpenConns(o.MaxConns)
	pool.SetMaxIdleConns(o.MaxConns)
	pool.SetConnMaxLifetime(30 * time.Minute)
	return pool, nil
}

// lockWaitSeconds is how long a statement waits for a lock: less than it may take in all. MariaDB counts waiting as part
// of that, and who waited too long shall hear that it was a lock, for then the transaction is run again.
func lockWaitSeconds(statement time.Duration) int {
	return min(5, max(1, int(statement.Seconds()*3/5)))
}

func serverVersion(ctx context.Context, c *sqldriver.Config) (string, error) {
	connector, err := sqldriver.NewConnector(c.Clone())
	if err != nil {
		return "", err
	}
	probe := sql.OpenDB(connector)
	defer probe.Close()
	var v string
	return v, probe.QueryRowContext(ctx, "SELECT VERSION()").Scan(&v)
}

func setDefault(d *time.Duration, v time.Duration) {
	if *d == 0 {
		*d = v
	}
}
