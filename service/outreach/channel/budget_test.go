package channel

import (
	"fmt"
	"testing"
	"time"

	"gorm.io/gorm/clause"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/outreach"
)

// TestBudgets: each channel says of a set, and of nobody else, how many can get one message more and how many messages that is: by
// the period of the moment, by windows that are open then, by consents to the message's template.
func TestBudgets(t *testing.T) {
	at := time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)
	db := modeltest.DB(t)
	s := &Service{Deps: Deps{DB: db, Now: func() time.Time { return at }}}
	for id := range int64(7) {
		modeltest.Create(t, db, &model.Customer{ID: id + 1, FirstSeenAt: at, CreatedAt: at, UpdatedAt: at})
	}
	quota := func(account, customer, group, used int64, period string, spent bool) *model.MassQuota {
		return &model.MassQuota{AccountID: account, CustomerID: customer, GroupID: group, Period: period, Used: used, Spent: spent, UpdatedAt: at}
	}
	window := func(kf string, customer, sent int64, last time.Time) *model.KfWindow {
		return &model.KfWindow{AccountID: 1, KfID: kf, CustomerID: customer, ExternalUserID: fmt.Sprint("wm", customer), LastAt: last, Sent: sent, UpdatedAt: at}
	}
	grant := func(openID, template string, customer, client, event, used int64) *model.SubscribeGrant {
		return &model.SubscribeGrant{AccountID: 1, CustomerID: customer, OpenID: openID, TemplateID: template, ByClient: client, ByEvent: event, Used: used, CreatedAt: at, UpdatedAt: at}
	}
	template := func(id string, kind int) *model.SubscribeTemplate {
		return &model.SubscribeTemplate{AccountID: 1, TemplateID: id, Type: kind, CreatedAt: at, UpdatedAt: at}
	}
	version := func(id int64, template string) *model.MessageVersion {
		return &model.MessageVersion{ID: id, MessageID: id, Version: 1, Channels: "[]", Body: fmt.Sprintf(`{"subscribe":{"template_id":%q}}`, template), Hash: []byte{1}, Findings: "[]", CreatedAt: at}
	}
	hours := func(n int) time.Time { return at.Add(-time.Duration(n) * time.Hour) }
	modeltest.Create(t, db,
		quota(1, 1, 0, 4, "2026-11", false), quota(1, 2, 0, 30, "2026-11", false), quota(1, 3, 0, 2, "2026-11", true), // all of it is used, or said to be
		quota(1, 4, 0, 30, "2026-10", false), quota(2, 5, 0, 30, "2026-11", false), quota(1, 6, 0, 30, "2026-11", false), // another month, corp, customer
		quota(1, 0, 8, 30, "2026-11", false), quota(1, 0, 9, 1, "2026-11", false),
		window("a", 1, 2, hours(1)), window("a", 2, 5, hours(1)), window("a", 3, 0, hours(49)), window("a", 6, 0, hours(1)),
		window("a", 4, 0, hours(9)), window("b", 4, 4, hours(8)), // the latest counts
		grant("o1", "T", 1, 3, 2, 1), grant("o2", "T", 2, 1, 1, 1), grant("o3", "T", 3, 1, 0, 0), grant("o3b", "T", 3, 0, 4, 0), grant("o4", "U", 4, 5, 0, 0), grant("o6", "T", 6, 5, 0, 0),
		template("T", 2), template("U", 2), template("L", longTerm), version(11, "T"), version(12, "U"), version(13, "T"), version(14, "L"),
	)
	ask := outreach.BudgetAsk{AccountID: 1, Recipients: clause.Expr{SQL: "SELECT id FROM customer WHERE id <= ?", Vars: []any{5}}, Size: 5, Messages: []int64{11, 12, 13, 14}, At: at}
	groups := ask
	groups.Recipients, groups.Size = clause.Expr{SQL: "SELECT 8 UNION SELECT 9 UNION SELECT 10"}, 3
	later := ask
	later.At = at.Add(47 * time.Hour)
	december := ask
	december.At = at.AddDate(0, 0, 10)
	for _, tt := range []struct {
		name    string
		channel outreach.Budgeted
		ask     outreach.BudgetAsk
		want    string
	}{
		{"mass", &mass{Service: s}, ask, "month each 30 reachable 3 left 86 [11 12 13 14]"},
		{"mass next month", &mass{Service: s}, december, "month each 31 reachable 5 left 155 [11 12 13 14]"},
		{"groups", &mass{Service: s, groups: true}, groups, "month each 30 reachable 2 left 59 [11 12 13 14]"},
		{"kf", &kf{s}, ask, "window each 5 reachable 2 left 4 [11 12 13 14]"},
		{"kf when windows have closed", &kf{s}, later, "window each 5 reachable 0 left 0 [11 12 13 14]"},
		{"subscribe", &subscribe{s}, ask, "grant T each 0 reachable 2 left 6 [11 13] grant U each 0 reachable 1 left 5 [12]"},
	} {
		list, err := tt.channel.Budgets(t.Context(), tt.ask)
		got := ""
		for _, b := range list {
			if b.Template != "" {
				b.By += " " + b.Template
			}
			got += fmt.Sprintf(" %s each %d reachable %d left %d %v", b.By, b.Each, b.Reachable, b.Left, b.Messages)
		}
		if err != nil || got != " "+tt.want {
			t.Errorf("%s: got %s, %v; want %s", tt.name, got, err, tt.want)
		}
	}
}
