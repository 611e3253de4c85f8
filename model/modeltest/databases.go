package modeltest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	sqldriver "github.com/go-sql-driver/mysql"
	"gorm.io/gorm"

	"zhiyin/model"
)

var template struct {
	once  sync.Once
	bytes []byte
}

// sqliteDSN copies a database that was migrated once per process.
func sqliteDSN(t testing.TB) string {
	t.Helper()
	template.once.Do(func() {
		path := filepath.Join(t.TempDir(), "template.db")
		db := migrated(t, "sqlite:"+path)
		if err := db.Exec("PRAGMA wal_checkpoint(TRUNCATE)").Error; err != nil {
			t.Fatal(err)
		}
		model.Close(db)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		template.bytes = b
	})
	path := filepath.Join(t.TempDir(), "test.db")
	if err := os.WriteFile(path, template.bytes, 0o600); err != nil {
		t.Fatal(err)
	}
	return "sqlite:" + path
}

// free holds the migrated MySQL databases of this process that no test uses now: emptying one is
// many times quicker than migrating a new one.
var free struct {
	sync.Mutex
	names []string
}

func mysqlDSN(t testing.TB) string {
	t.Helper()
	name := takeFree()
	if name == "" {
		name = newDatabase(t)
	}
	dsn := mysqlDSNOf(t, name)
	t.Cleanup(func() { giveBack(t, name, dsn) })
	return dsn
}

func takeFree() string {
	free.Lock()
	defer free.Unlock()
	n := len(free.names)
	if n == 0 {
		return ""
	}
	name := free.names[n-1]
	free.names = free.names[:n-1]
	return name
}

func newDatabase(t testing.TB) string {
	t.Helper()
	b := make([]byte, 8)
	rand.Read(b)
	name := "zhiyin_test_" + hex.EncodeToString(b)
	admin, err := model.Open(context.Background(), model.Options{DSN: mysqlDSNOf(t, "")})
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close(admin)
	if err := admin.Exec("CREATE DATABASE " + name + " CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci").Error; err != nil {
		t.Fatal(err)
	}
	model.Close(migrated(t, mysqlDSNOf(t, name)))
	return name
}

func mysqlDSNOf(t testing.TB, database string) string {
	t.Helper()
	c, err := sqldriver.ParseDSN(strings.TrimPrefix(os.Getenv("TEST_MYSQL_DSN"), "mysql://"))
	if err != nil {
		t.Fatalf("TEST_MYSQL_DSN can't be read: %v", err)
	}
	c.DBName = database
	return "mysql://" + c.FormatDSN()
}

func giveBack(t testing.TB, name, dsn string) {
	db, err := model.Open(context.Background(), model.Options{DSN: dsn, StatementTimeout: time.Minute})
	if err != nil {
		return // a test may have taken the server down for good; the next one makes a new database
	}
	defer model.Close(db)
	if err := empty(db); err != nil {
		t.Errorf("empty the test database: %v", err)
		return
	}
	free.Lock()
	free.names = append(free.names, name)
	free.Unlock()
}

// empty deletes all rows. Most tests fill few of the tables; asking all of them which in one statement is
// much quicker than deleting nothing a hundred times.
func empty(db *gorm.DB) error {
	var asked []string
	for _, row := range model.Rows() {
		stmt := gorm.Statement{DB: db}
		if err := stmt.Parse(row); err != nil {
			return err
		}
		asked = append(asked, fmt.Sprintf("SELECT '%[1]s' WHERE EXISTS (SELECT 1 FROM `%[1]s`)", stmt.Table))
	}
	var filled []string
	if err := db.Raw(strings.Join(asked, " UNION ALL ")).Scan(&filled).Error; err != nil {
		return err
	}
	for _, table := range filled {
		if err := db.Exec("DELETE FROM `" + table + "`").Error; err != nil {
			return err
		}
	}
	return nil
}
