package profile

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"zhiyin/model"
	"zhiyin/model/modeltest"
)

func TestC06_QualityRun(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	level := h.field(FieldInput{Name: "level", Kind: KindChoice, Choices: []string{"A", "B"}, Required: true})
	if err := h.edit(1, Edit{Name: ptr("小明"), Birthday: ptr("1990-01-02"), Answers: Answers{"level": {"A"}}}); err != nil {
		t.Fatal(err)
	}
	if err := h.edit(2, Edit{Name: ptr("小明"), Birthday: ptr("1985-01-02")}); err != nil {
		t.Fatal(err)
	}
	h.consent.given = true
	if err := h.edit(3, Edit{Birthday: ptr("2012-12-01")}); err != nil {
		t.Fatal(err)
	}
	must(h.UpdateField(ctx, level.ID, FieldChange{Choices: []string{"B"}}))(t)
	modeltest.Create(t, h.db,
		&model.Customer{ID: 4, Name: "\u200b", Gender: 9, FirstSeenAt: noon.AddDate(1, 0, 0), CreatedAt: noon, UpdatedAt: noon},
		&model.Customer{ID: 5, Name: "同名", Avatar: "https://x.qlogo.cn/1", MergedInto: 1, FirstSeenAt: noon, CreatedAt: noon, UpdatedAt: noon},
		&model.Customer{ID: 6, Name: "Same", Avatar: "https://x.qlogo.cn/1", FirstSeenAt: noon, CreatedAt: noon, UpdatedAt: noon},
		&model.Customer{ID: 7, Name: "same", Avatar: "https://x.qlogo.cn/1", FirstSeenAt: noon, CreatedAt: noon, UpdatedAt: noon},
		&model.Customer{ID: 8, Name: "same", Avatar: "https://x.qlogo.cn/2", BirthMD: 101, SealedBirthday: h.Persons.SealBirthday(8, "1990-05-05"), FirstSeenAt: noon, CreatedAt: noon, UpdatedAt: noon},
	)
	h.clock.Advance(10 * 24 * time.Hour) // customer 3 is 14 by now
	for range 2 {                        // the second finds the same
		if err := h.CheckQuality(ctx); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, f := range must(h.Findings(ctx, FindingFilter{Limit: 50}))(t) {
		got = append(got, strings.Join([]string{f.Kind, string(rune('0' + f.CustomerID)), string(rune('0' + f.OtherID)), f.Field, f.Reason}, " "))
	}
	slices.Sort(got)
	want := []string{
		"duplicate 2 1 name same_name_and_birthday", "duplicate 7 6 name same_name_and_avatar",
		"impossible 1 0 field.level not_allowed", "impossible 4 0 first_seen_at future", "impossible 4 0 gender unknown_code",
		"impossible 4 0 name no_visible_sign", "impossible 8 0 birthday contradicts_itself",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	r := must(h.Quality(ctx))(t)
	if r.FinishedAt == nil || r.Customers != 7 || r.Missing["phone"] != 7 || r.Missing["birthday"] != 3 || r.Missing["field.level"] != 6 || r.Running != nil || len(r.Findings) != 7 {
		t.Errorf("report: %+v", r)
	}
	if r.Completeness <= 0 || r.Completeness >= 10_000 {
		t.Errorf("completeness %d", r.Completeness)
	}
	if h.of(3).Minor {
		t.Error("P14: a customer who has grown up is still taken for a child")
	}
	if err := h.db.Model(&model.Customer{}).Where("id IN ?", []int{4, 7}).Update("merged_into", 6).Error; err != nil {
		t.Fatal(err)
	}
	if err := h.CheckQuality(ctx); err != nil {
		t.Fatal(err)
	}
	if n := modeltest.Count[model.QualityFinding](t, h.db); n != 3 {
		t.Errorf("%d findings are left, want 3: what a run no longer sees is gone", n)
	}
}

// TestAQualityRunGoesOnWhereItStopped: also when two run at once, everybody is counted once.
func TestAQualityRunGoesOnWhereItStopped(t *testing.T) {
	h := newHouse(t)
	var rows []*model.Customer
	for id := int64(4); id <= 1203; id++ {
		rows = append(rows, &model.Customer{ID: id, Name: "n", FirstSeenAt: noon, CreatedAt: noon, UpdatedAt: noon})
	}
	if err := h.db.CreateInBatches(rows, 400).Error; err != nil {
		t.Fatal(err)
	}
	run := must(h.beginRun(t.Context()))(t)
	if more, err := h.checkPage(t.Context(), run, nil); err != nil || !more || run.Customers != qualityPage {
		t.Fatalf("first page: %v %v %+v", more, err, run)
	}
	behind := *run
	behind.LastCustomerID = 0
	if _, err := h.checkPage(t.Context(), &behind, nil); !errors.Is(err, errOvertaken) {
		t.Errorf("one who is behind: %v", err)
	}
	if r := must(h.Quality(t.Context()))(t); r.Running == nil || *r.Running != qualityPage {
		t.Errorf("under way: %+v", r)
	}
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			if err := h.CheckQuality(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	var finished model.QualityRun
	if err := h.db.Take(&finished, "id = ?", run.ID).Error; err != nil || finished.Customers != 1203 || finished.FinishedAt == nil {
		t.Errorf("the run: %+v, %v", finished, err)
	}
}
