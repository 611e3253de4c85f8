package message

import (
	"context"
	"slices"
	"strings"
	"sync"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/privacy"
)

// chunkPeople bounds how many customers one statement asks about.
const chunkPeople = 900

// ready remembers the versions that were rendered last: they never change.
type ready struct {
	sync.Mutex
	versions map[int64]*parsed
}

const mostReady = 200

// Render says what a version reads for each recipient, in order; what has to be known of them is read in a few statements for
// thousands. It fails with ErrNotFound.
func (s *Service) Render(ctx context.Context, versionID int64, to []Recipient) ([]Rendered, error) {
	tx := s.DB.WithContext(ctx)
	p, err := s.parsedVersion(tx, versionID)
	if err != nil {
		return nil, err
	}
	out := make([]Rendered, len(to))
	if len(p.names) == 0 {
		for i := range out {
			out[i] = Rendered{Content: p.content.clone()}
		}
		return out, nil
	}
	for from := 0; from < len(to); from += chunkPeople {
		part := to[from:min(from+chunkPeople, len(to))]
		v, err := s.values(ctx, tx, p.names, part)
		if err != nil {
			return nil, err
		}
		for i := range part {
			out[from+i] = p.fill(func(name string) string { return v.of(&part[i], name) })
		}
	}
	return out, nil
}

// Preview says what a content reads for one recipient before it is kept, by each of the channels it is written for. Variables that only
// the planner knows stand for themselves, in brackets. It fails as Create does.
func (s *Service) Preview(ctx context.Context, in Input, to Recipient) (map[string]Rendered, error) {
	tx := s.DB.WithContext(ctx)
	p, _, err := s.examine(tx, in)
	if err != nil {
		return nil, err
	}
	v, err := s.values(ctx, tx, p.names, []Recipient{to})
	if err != nil {
		return nil, err
	}
	whole := p.fill(func(name string) string {
		if known, _ := variableNamed(name); known.Source == FromPlanner && to.Values[name] == "" {
			return "［" + name + "］"
		}
		return v.of(&to, name)
	})
	out := map[string]Rendered{}
	for _, name := range in.Channels {
		shown := Rendered{Content: whole.clone(), Missing: whole.Missing}
		shown.only(channels[name])
		out[name] = shown
	}
	return out, nil
}

// only leaves what a channel carries.
func (c *Content) only(b bounds) {
	carries := func(k Kind) bool { return slices.Contains(b.needs, k) }
	if !carries(KindText) {
		c.Text = ""
	}
	if b.subjectChars == 0 {
		c.Subject = ""
	}
	if b.cardTitle == 0 {
		c.Card = nil
	}
	if !carries(KindSubscribe) {
		c.Subscribe = nil
	}
	if b.attachments == 0 {
		c.Attachments = nil
	}
}

func (s *Service) parsedVersion(tx *gorm.DB, id int64) (*parsed, error) {
	s.ready.Lock()
	p := s.ready.versions[id]
	s.ready.Unlock()
	if p != nil {
		return p, nil
	}
	v, err := versionByID(tx, id)
	if err != nil {
		return nil, err
	}
	content, err := Decode(v.Body)
	if err != nil {
		return nil, err
	}
	if p, err = parse(content); err != nil {
		return nil, err
	}
	s.ready.Lock()
	defer s.ready.Unlock()
	if len(s.ready.versions) >= mostReady {
		clear(s.ready.versions)
	}
	s.ready.versions[id] = p
	return p, nil
}

// values is what is known of recipients.
type values struct {
	customers map[int64]*model.Customer
	staff     map[int64]*model.Staff
	accounts  map[int64]string
	members   map[int64]string
	stages    map[int64]string
	fields    map[string]map[int64]string // by the name of the variable
}

// values reads what some variables need.
func (s *Service) values(ctx context.Context, tx *gorm.DB, names []string, to []Recipient) (v *values, err error) {
	v = &values{fields: map[string]map[int64]string{}}
	customers, staff, accounts := ids(to, func(r *Recipient) int64 { return r.CustomerID }), ids(to, func(r *Recipient) int64 { return r.StaffID }), ids(to, func(r *Recipient) int64 { return r.AccountID })
	var fields []string
	for _, name := range names {
		switch name {
		case VarName, VarChannel, VarCity:
			if v.customers == nil {
				v.customers, err = customersByID(tx, customers)
			}
		case VarStaff, VarAlias:
			if v.staff == nil {
				v.staff, err = staffByID(tx, staff)
			}
		case VarCompany:
			v.accounts, err = accountTitles(tx, accounts)
		case VarMember:
			v.members, err = memberNumbers(tx, customers)
		case VarStage:
			v.stages, err = s.stages(ctx, tx, customers)
		default:
			if field, ok := strings.CutPrefix(name, VarField); ok {
				fields = append(fields, field)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	if len(fields) > 0 {
		v.fields, err = fieldValues(tx, fields, customers)
	}
	return v, err
}

// stages gives the titles of the stages of those who do not refuse to be targeted.
func (s *Service) stages(ctx context.Context, tx *gorm.DB, customers []int64) (map[int64]string, error) {
	titles, err := s.Stages(ctx)
	if err != nil {
		return nil, err
	}
	wishes, err := s.Wishes.WishesTx(tx, customers)
	if err != nil {
		return nil, err
	}
	stages, err := stagesOf(tx, customers)
	for id, name := range stages {
		if stages[id] = titles[name]; wishes[id] != nil && wishes[id].Refusals[privacy.Targeting] != "" {
			delete(stages, id)
		}
	}
	return stages, err
}

// ids lists row ids in order, each once.
func ids(to []Recipient, of func(*Recipient) int64) (out []int64) {
	for i := range to {
		if id := of(&to[i]); id != 0 {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// of is the value of a variable for a recipient; empty: not known.
func (v *values) of(to *Recipient, name string) string {
	known, _ := variableNamed(name)
	return CutChars(strings.TrimSpace(v.whole(to, name)), known.Chars)
}

func (v *values) whole(to *Recipient, name string) string {
	c, st := v.customers[to.CustomerID], v.staff[to.StaffID]
	switch {
	case c != nil && name == VarName:
		return c.Name
	case c != nil && name == VarChannel:
		return c.FirstSource
	case c != nil && name == VarCity:
		return c.City
	case st != nil && name == VarStaff:
		return firstOf(st.Name, st.Alias)
	case st != nil && name == VarAlias:
		return firstOf(st.Alias, st.Name)
	case name == VarCompany:
		return v.accounts[to.AccountID]
	case name == VarMember:
		return v.members[to.CustomerID]
	case name == VarStage:
		return v.stages[to.CustomerID]
	case strings.HasPrefix(name, VarField):
		return v.fields[name][to.CustomerID]
	}
	if known, _ := variableNamed(name); known.Source == FromPlanner {
		return to.Values[name]
	}
	return ""
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
