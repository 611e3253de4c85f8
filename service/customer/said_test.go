package customer

import (
	"testing"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/event"
)

// TestThePlatformLeavesWhatPeopleSaid holds that a reading replaces the platform's own words and no others.
func TestThePlatformLeavesWhatPeopleSaid(t *testing.T) {
	tests := []struct {
		name   string
		source string // of the change by hand; empty: none
		want   string
	}{
		{"the platform's own word", "", "新昵称"},
		{"the customer's", "miniapp", "小明"},
		{"an operator's", event.SourceConsole, "小明"},
		{"an import's", event.SourceImport, "小明"},
		{"what the platform said another time", event.SourceSync, "新昵称"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t)
			reading := func(n int, name string) int64 {
				return h.apply(Input{Contacts: []Contact{contact("lisi", "wmA", at(1), func(c *Contact) {
					c.Person.Name, c.Person.Gender, c.Follow.Remark = name, 1, name
				})}, ReadAt: at(n)}).Relations[0].CustomerID
			}
			id := reading(2, "旧昵称")
			if tt.source != "" {
				h.in(func(tx *gorm.DB) error {
					return h.EditTx(tx, id, tt.source, 0, func(c *model.Customer) error {
						c.Name = "小明"
						return nil
					})
				})
			}
			before := modeltest.Count[model.CustomerChange](t, h.db)
			reading(3, "新昵称")
			c := h.customer(id)
			if c.Name != tt.want {
				t.Errorf("the customer is called %s, want %s", c.Name, tt.want)
			}
			changes := modeltest.Count[model.CustomerChange](t, h.db) - before
			if kept := tt.want == "小明"; kept != (changes == 0) {
				t.Errorf("%d changes in the history", changes)
			}
			if r := h.relation("lisi", "wmA"); r.Remark != "新昵称" {
				t.Errorf("the reading itself was not taken over: remark %q", r.Remark)
			}
		})
	}
}

// TestWhatWasTakenBackThePlatformFillsIn holds that a name that its customer took back is no longer theirs to keep.
func TestWhatWasTakenBackThePlatformFillsIn(t *testing.T) {
	h := newHouse(t)
	named := func(name string) func(*Contact) { return func(c *Contact) { c.Person.Name = name } }
	id := h.apply(Input{Contacts: []Contact{contact("lisi", "wmA", at(1), named("旧昵称"))}, ReadAt: at(2)}).Relations[0].CustomerID
	h.in(func(tx *gorm.DB) error {
		return h.EditTx(tx, id, "miniapp", 0, func(c *model.Customer) error {
			c.Name = "小明"
			return nil
		})
	})
	h.in(func(tx *gorm.DB) error {
		_, err := h.ForgetTx(tx, Forgetting{CustomerID: id, Fields: []string{"name"}, Told: "miniapp", Until: h.clock.Now(), Source: "miniapp"})
		return err
	})
	h.apply(Input{Contacts: []Contact{contact("lisi", "wmA", at(1), named("新昵称"))}, ReadAt: at(3)})
	if c := h.customer(id); c.Name != "新昵称" {
		t.Errorf("the customer is called %q", c.Name)
	}
}

// TestWhatAMergedCustomerSaidStays holds that a merge carries over who said a name, not only the name.
func TestWhatAMergedCustomerSaidStays(t *testing.T) {
	h := newHouse(t)
	named := func(name string) func(*Contact) {
		return func(c *Contact) { c.Person.Name, c.Follow.Remark = name, name }
	}
	id := h.apply(Input{Contacts: []Contact{contact("lisi", "wmA", at(1), named(""))}, ReadAt: at(2)}).Relations[0].CustomerID
	visitor := h.resolve(union("visitor")).CustomerID
	h.in(func(tx *gorm.DB) error {
		return h.EditTx(tx, visitor, "miniapp", 0, func(c *model.Customer) error {
			c.Name = "小明"
			return nil
		})
	})
	h.merge2(id, visitor)
	h.apply(Input{Contacts: []Contact{contact("lisi", "wmA", at(1), named("新昵称"))}, ReadAt: at(3)})
	if c := h.customer(id); c.Name != "小明" {
		t.Errorf("the customer is called %q", c.Name)
	}
}
