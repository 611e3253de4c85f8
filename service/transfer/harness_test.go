package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
	"zhiyin/service/work"
)

var noon = time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)

// house is a service with one kind of table: things, which are custom fields by another name.
type house struct {
	*Service
	t    *testing.T
	now  *clock.Fake
	fail func(row Row) error // of a whole batch, at a row
}

func newHouse(t *testing.T) *house {
	t.Helper()
	return newHouseOn(t, modeltest.DB(t))
}

func newHouseOn(t *testing.T, db *gorm.DB) *house {
	t.Helper()
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, now: clock.NewFake(noon)}
	h.Service = New(Deps{DB: db, Queue: work.New(db, h.now.Now), Now: h.now.Now, Zone: zone, Logger: slog.New(slog.DiscardHandler), MaxFile: 8 << 20, Colleagues: colleagues{7, 8}})
	h.Import(Importer{Kind: "things", Zh: "东西", En: "Things", Columns: thingColumns, Apply: h.apply})
	h.Export(Exporter{Kind: "things", Zh: "东西", En: "Things", Columns: thingColumns, Check: func(context.Context, []byte) error { return nil }, Page: h.page})
	return h
}

// colleagues are all who may approve.
type colleagues []int64

func (c colleagues) HoldersTx(*gorm.DB, ...string) ([]int64, error) { return c, nil }

func thingColumns(context.Context) ([]Column, error) {
	return []Column{
		{Key: "name", Zh: "名称", En: "Name", Aliases: []string{"品名"}, Kind: Text, Required: true},
		{Key: "price", Zh: "价格", En: "Price", Kind: Money},
		{Key: "day", Zh: "日期", En: "Day", Kind: Date},
	}, nil
}

func (h *house) apply(tx *gorm.DB, b Batch) (outcomes []Outcome, err error) {
	for _, row := range b.Rows {
		name := row.Values["name"].Text
		if h.fail != nil {
			if err := h.fail(row); err != nil {
				return nil, err
			}
		}
		if strings.Contains(name, "bad") {
			outcomes = append(outcomes, Outcome{Failed, "name", "thing.bad", "坏的 / bad"})
			continue
		}
		res := model.InsertIgnore(tx).Create(&model.CustomField{Name: name, Title: fmt.Sprint(row.Values["price"].Number), Kind: "text", Choices: row.Values["day"].Day, CreatedAt: noon, UpdatedAt: noon})
		if res.Error != nil {
			return nil, res.Error
		}
		o := Outcome{Result: Created}
		if res.RowsAffected == 0 {
			o.Result = Unchanged
		}
		outcomes = append(outcomes, o)
	}
	return outcomes, nil
}

func (h *house) page(ctx context.Context, q Query, from string, limit int) (rows [][]string, next string, err error) {
	var fields []model.CustomField
	if err := h.DB.WithContext(ctx).Where("name > ?", from).Order("name").Limit(limit).Find(&fields).Error; err != nil {
		return nil, "", err
	}
	for _, f := range fields {
		var cells []string
		for _, key := range q.Columns {
			cells = append(cells, map[string]string{"name": f.Name, "price": f.Title, "day": f.Choices}[key])
		}
		rows = append(rows, cells)
	}
	if len(fields) == limit {
		next = fields[limit-1].Name
	}
	return rows, next, nil
}

func (h *house) upload(content string) *model.ImportRun {
	h.t.Helper()
	run, err := h.Upload(h.t.Context(), 7, "things", "things.csv", strings.NewReader(content))
	if err != nil {
		h.t.Fatal(err)
	}
	return run
}

func (h *house) start(id int64, in StartInput) {
	h.t.Helper()
	in.ConsentBasis = "会员协议"
	if _, err := h.Start(h.t.Context(), id, in); err != nil {
		h.t.Fatal(err)
	}
}

// finish does what the queue would do and returns the run.
func (h *house) finish(id int64) *model.ImportRun {
	h.t.Helper()
	if err := h.runImport(h.t.Context(), nil, runPayload{id}); err != nil {
		h.t.Fatal(err)
	}
	run, err := h.ImportRun(h.t.Context(), id)
	if err != nil {
		h.t.Fatal(err)
	}
	return run
}

func (h *house) things() map[string]model.CustomField {
	h.t.Helper()
	var rows []model.CustomField
	if err := h.DB.Find(&rows).Error; err != nil {
		h.t.Fatal(err)
	}
	byName := map[string]model.CustomField{}
	for _, r := range rows {
		byName[r.Name] = r
	}
	return byName
}

// export has everything written and returns the file's content.
func (h *house) export(in ExportInput) ([]byte, *model.ExportRun) {
	h.t.Helper()
	in.Kind, in.Purpose = "things", "盘点"
	run, err := h.StartExport(h.t.Context(), 7, in)
	if err != nil {
		h.t.Fatal(err)
	}
	if err := h.runExport(h.t.Context(), nil, runPayload{run.ID}); err != nil {
		h.t.Fatal(err)
	}
	f, run, err := h.Download(h.t.Context(), 7, run.ID)
	if err != nil {
		h.t.Fatal(err)
	}
	defer f.Close()
	content, err := io.ReadAll(f)
	if err != nil {
		h.t.Fatal(err)
	}
	return content, run
}

var errPoison = errors.New("poison")
