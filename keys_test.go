package main

import (
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"

	"zhiyin/config"
	"zhiyin/model"
)

// TestP11_EverySealedColumnIsSealedAnew holds what rotations of keys know of against the schema: a column that they
// miss would be unreadable once the old key is dropped.
func TestP11_EverySealedColumnIsSealedAnew(t *testing.T) {
	cfg, err := config.Load("", []string{
		"ZHIYIN_SECRET_KEY=bm90IHRoZSBrZXkgdGhhdCBzZWFsZWQgdGhlIHJvd3M=", "ZHIYIN_DATABASE__DSN=sqlite:" + filepath.Join(t.TempDir(), "z.db"),
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := assemble(t.Context(), cfg, slog.New(slog.DiscardHandler))
	defer func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err == nil {
		err = p.bringUpToDate(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	known := []string{"data_key.sealed_key"} // sealed with the secret key, see Rewrap
	for _, place := range p.keys.Places() {
		known = append(known, place.Name())
	}
	for _, row := range model.Rows() {
		columns, err := p.db.Migrator().ColumnTypes(row)
		if err != nil {
			t.Fatal(err)
		}
		s := &gorm.Statement{DB: p.db}
		if err := s.Parse(row); err != nil {
			t.Fatal(err)
		}
		table := s.Schema.Table
		for _, c := range columns {
			if !strings.HasPrefix(c.Name(), "sealed_") && c.Name() != "seal_ref" {
				continue
			}
			if !slices.ContainsFunc(known, func(name string) bool {
				return name == table || strings.HasPrefix(name, table+".") && (c.Name() == "seal_ref" || name == table+"."+c.Name())
			}) {
				t.Errorf("%s.%s is sealed, and no rotation of keys knows of it", table, c.Name())
			}
		}
	}
}
