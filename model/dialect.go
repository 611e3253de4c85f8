package model

import (
	"context"
	"database/sql/driver"
	"errors"

	sqldriver "github.com/go-sql-driver/mysql"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"modernc.org/sqlite"
)

// This file holds all that differs between MySQL and SQLite at run time.

// IsSQLite tells whether db is the embedded database.
func IsSQLite(db *gorm.DB) bool { return db.Name() == "sqlite" }

// ForUpdate makes the next query lock the rows it reads. SQLite has one writer at a time, so there
// every transaction holds them all already.
func ForUpdate(tx *gorm.DB) *gorm.DB {
	if IsSQLite(tx) {
		return tx
	}
	return tx.Clauses(clause.Locking{Strength: clause.LockingStrengthUpdate})
}

// PrimaryKey is the index that every table has.
const PrimaryKey = "PRIMARY"

// ByIndex has the next query of this table find its rows by one index alone. Asked for many keys of a small table MySQL
// reads it whole, and where the rows it meets are to be locked it then waits for whoever holds any of them, or has added
// one and not committed: so whatever locks a list of rows says by which index.
func ByIndex(tx *gorm.DB, table, index string) *gorm.DB {
	if IsSQLite(tx) {
		return tx.Table(table)
	}
	return tx.Table(table + " FORCE INDEX (" + index + ")")
}

// DeleteByKey is the verb of a DELETE that finds its rows by the primary key alone, for the reason of [ByIndex].
func DeleteByKey(tx *gorm.DB, table string) string {
	if IsSQLite(tx) {
		return "DELETE FROM " + table
	}
	return "DELETE " + table + " FROM " + table + " FORCE INDEX (PRIMARY)"
}

// InsertIgnore is "INSERT IGNORE" or its like: rows whose unique key is taken are left out, and
// RowsAffected counts the others.
func InsertIgnore(tx *gorm.DB) *gorm.DB {
	return tx.Clauses(clause.OnConflict{DoNothing: true})
}

// UpdateIgnore is the verb of an UPDATE that leaves out rows which would break a unique key.
func UpdateIgnore(tx *gorm.DB) string {
	if IsSQLite(tx) {
		return "UPDATE OR IGNORE"
	}
	return "UPDATE IGNORE"
}

// MySQL's error numbers that this house acts on.
const (
	mysqlDuplicateKey     = 1062
	mysqlLockWait         = 1205
	mysqlDeadlock         = 1213
	mysqlSnapshotConflict = 1020 // MariaDB from 11.6.2: the row changed since the snapshot
)

// SQLite's result codes; the low byte is the primary code.
const (
	sqliteBusy             = 5
	sqliteConstraintUnique = 2067
	sqliteConstraintPK     = 1555
)

// IsDuplicate tells whether err says that a unique key is taken.
func IsDuplicate(err error) bool {
	var m *sqldriver.MySQLError
	if errors.As(err, &m) {
		return m.Number == mysqlDuplicateKey
	}
	var s *sqlite.Error
	return errors.As(err, &s) && (s.Code() == sqliteConstraintUnique || s.Code() == sqliteConstraintPK)
}

// IsTransient tells whether the same transaction may succeed when it is run again from its start.
func IsTransient(err error) bool {
	var m *sqldriver.MySQLError
	if errors.As(err, &m) {
		return m.Number == mysqlDeadlock || m.Number == mysqlLockWait || m.Number == mysqlSnapshotConflict
	}
	var s *sqlite.Error
	return errors.As(err, &s) && s.Code()&0xff == sqliteBusy
}

// IsTimeout tells whether err says that a statement took longer than it may.
func IsTimeout(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	var m *sqldriver.MySQLError
	if errors.As(err, &m) {
		return m.Number == 1969 || m.Number == 3024 // MariaDB's and MySQL's
	}
	var s *sqlite.Error
	return errors.As(err, &s) && s.Code()&0xff == 9 // interrupted
}

// IsUnavailable tells whether err says that the database can't be used now: it is down, refuses
// writes, or has no connection to give.
func IsUnavailable(err error) bool {
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, sqldriver.ErrInvalidConn) || isNetwork(err) {
		return true
	}
	var m *sqldriver.MySQLError
	if !errors.As(err, &m) {
		return false
	}
	switch m.Number {
	case 1040, 1203, // too many connections
		1053,             // server shutdown in progress
		1290, 1792, 1836, // read only
		1021, 1114: // disk full
		return true
	}
	return false
}

// JSONProperty gives the expressions that read one property of a JSON object in a column; a number in ten-thousandths. Each mention of one takes
// the path, such as $."name", as a parameter of its own.
func JSONProperty(sqlite bool, column string) (p struct{ Text, IsText, Number, IsNumber string }) {
	if sqlite {
		p.Text = "json_extract(" + column + ", ?) COLLATE NOCASE"
		p.IsText = "json_type(" + column + ", ?) = 'text'"
		p.Number = "ROUND(json_extract(" + column + ", ?) * 10000)"
		p.IsNumber = "json_type(" + column + ", ?) IN ('integer', 'real')"
		return p
	}
	value := "JSON_EXTRACT(" + column + ", ?)"
	p.Text = "JSON_UNQUOTE(" + value + ") COLLATE utf8mb4_general_ci"
	p.IsText = "JSON_TYPE(" + value + ") = 'STRING'"
	p.Number = "CAST(JSON_UNQUOTE(" + value + ") AS DECIMAL(30, 4)) * 10000"
	p.IsNumber = "JSON_TYPE(" + value + ") IN ('INTEGER', 'UNSIGNED INTEGER', 'DOUBLE', 'DECIMAL')"
	return p
}
