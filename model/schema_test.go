package model_test

import (
	"context"
	"database/sql"
	"fmt"
	"reflect"
	"slices"
	"sort"
	"strings"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"sync"

	"zhiyin/model"
	"zhiyin/model/modeltest"
)

type column struct {
	class    string // int, bool, text, blob, time
	nullable bool
}

// TestRowsMatchSchema holds every row type against the schema that the migrations made, column by
// column. It runs on SQLite and on MySQL, so rows and both schemas agree.
func TestRowsMatchSchema(t *testing.T) {
	db := modeltest.DB(t)
	tables := map[string]bool{"schema_version": true}
	listed := map[reflect.Type]bool{}
	for _, row := range model.Rows() {
		if of := reflect.TypeOf(row); listed[of] {
			t.Errorf("%s is listed twice", of)
		} else {
			listed[of] = true
		}
		s, err := schema.Parse(row, &sync.Map{}, db.NamingStrategy)
		if err != nil {
			t.Fatal(err)
		}
		tables[s.Table] = true
		got := columnsOf(t, db, s.Table)
		want := map[string]column{}
		for _, f := range s.Fields {
			want[f.DBName] = column{classOfField(f), f.FieldType.Kind().String() == "ptr" || slices.Contains(nullableBytes, s.Table+"."+f.DBName)}
		}
		for name, w := range want {
			if g, ok := got[name]; !ok {
				t.Errorf("%s.%s is in the row but not in the schema", s.Table, name)
			} else if g != w {
				t.Errorf("%s.%s: schema has %+v, row has %+v", s.Table, name, g, w)
			}
		}
		for name := range got {
			if _, ok := want[name]; !ok {
				t.Errorf("%s.%s is in the schema but not in the row", s.Table, name)
			}
		}
	}
	names, err := db.Migrator().GetTables()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		if !tables[n] && !strings.HasPrefix(n, "sqlite_") {
			t.Errorf("table %s has no row type in Rows()", n)
		}
	}
}

// nullableBytes are the []byte columns that may be NULL; a Go slice can't say so by its type.
var nullableBytes = []string{
	"referral_code.device", "referral_code.address", "referral_edge.device", "referral_edge.address",
	"lucky_draw.sealed_seed", "lucky_draw.commitment", "lucky_draw.seed",
	"account.sealed_secret", "account.sealed_callback_token", "account.sealed_callback_aes_key",
	"account.sealed_old_callback_token", "account.sealed_old_callback_aes_key", "relation.fingerprint",
	"customer.sealed_birthday", "identity.sealed_value", "custom_value.sealed_value",
	"product.fingerprint", "product_category.fingerprint", "customer_order.fingerprint", "refund.fingerprint",
	"consent.notice_digest", "consent.sealed_guardian",
	"api_key.sealed_old_secret", "webhook.sealed_old_secret", "channel_setting.sealed_secret",
	"coupon_use.order_key", "coupon_run.sealed_secret", "coupon_origin.device", "coupon_origin.address",
}

func classOfField(f *schema.Field) string {
	switch t := f.IndirectFieldType.String(); t {
	case "time.Time":
		return "time"
	case "[]uint8":
		return "blob"
	case "string":
		return "text"
	case "bool":
		return "bool"
	default:
		return "int"
	}
}

func columnsOf(t *testing.T, db *gorm.DB, table string) map[string]column {
	t.Helper()
	query := "SELECT column_name, column_type, CASE is_nullable WHEN 'YES' THEN 1 ELSE 0 END FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ?"
	if model.IsSQLite(db) {
		query = `SELECT name, type, CASE WHEN "notnull" = 0 AND pk = 0 THEN 1 ELSE 0 END FROM pragma_table_info(?)`
	}
	rows, err := db.Raw(query, table).Rows()
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	out := map[string]column{}
	for rows.Next() {
		var name, typ string
		var nullable bool
		if err := rows.Scan(&name, &typ, &nullable); err != nil {
			t.Fatal(err)
		}
		out[name] = column{classOfType(strings.ToLower(typ)), nullable}
	}
	return out
}

func classOfType(typ string) string {
	switch {
	case typ == "boolean", typ == "tinyint(1)":
		return "bool"
	case strings.Contains(typ, "int"):
		return "int"
	case strings.HasPrefix(typ, "datetime"):
		return "time"
	case strings.Contains(typ, "blob"), strings.Contains(typ, "binary"):
		return "blob"
	default:
		return "text"
	}
}

// TestBothDialectsHaveTheSameIndexes reads the indexes of the database at hand and holds them
// against a list that both dialects must meet.
func TestBothDialectsHaveTheSameIndexes(t *testing.T) {
	here := indexesOf(t, modeltest.DB(t))
	if !modeltest.OnMySQL() {
		t.Log("SQLite alone: the other side is compared when TEST_MYSQL_DSN is set")
		return
	}
	path := t.TempDir() + "/other.db"
	lite, err := model.Open(context.Background(), model.Options{DSN: "sqlite:" + path})
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close(lite)
	if _, err := model.Migrate(context.Background(), lite); err != nil {
		t.Fatal(err)
	}
	there := indexesOf(t, lite)
	for _, i := range here {
		if !slices.Contains(there, i) {
			t.Errorf("only on MySQL: %s", i)
		}
	}
	for _, i := range there {
		if !slices.Contains(here, i) {
			t.Errorf("only on SQLite: %s", i)
		}
	}
}

func indexesOf(t *testing.T, db *gorm.DB) []string {
	t.Helper()
	var rows *sql.Rows
	var err error
	if model.IsSQLite(db) {
		rows, err = db.Raw(`SELECT m.tbl_name, m.name, l."unique", i.name FROM sqlite_master m
			JOIN pragma_index_list(m.tbl_name) l ON l.name = m.name JOIN pragma_index_info(m.name) i
			WHERE m.type = 'index' AND m.name NOT LIKE 'sqlite_%' ORDER BY m.name, i.seqno`).Rows()
	} else {
		rows, err = db.Raw(`SELECT table_name, index_name, 1 - non_unique, column_name FROM information_schema.statistics
			WHERE table_schema = DATABASE() AND index_name <> 'PRIMARY' AND table_name <> 'schema_version' ORDER BY index_name, seq_in_index`).Rows()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns := map[string][]string{}
	for rows.Next() {
		var table, name, col string
		var unique int
		if err := rows.Scan(&table, &name, &unique, &col); err != nil {
			t.Fatal(err)
		}
		key := fmt.Sprintf("%s.%s unique=%d", table, name, unique)
		columns[key] = append(columns[key], col)
	}
	var out []string
	for key, cols := range columns {
		out = append(out, key+" ("+strings.Join(cols, ", ")+")")
	}
	sort.Strings(out)
	return out
}
