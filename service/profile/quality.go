package profile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"gorm.io/gorm"

	"zhiyin/model"
)

// What can be wrong with a customer's data.
const (
	Duplicate  = "duplicate"  // another customer looks like the same person
	Impossible = "impossible" // a value that can't be
)

// How quality runs go.
const (
	qualityPage = 500
	// resumeWithin is how old a run may be that is taken up where it stopped.
	resumeWithin = 24 * time.Hour
	keepRuns     = 30
)

// CheckQuality looks through all customers for what is wrong or missing, and stops taking for children
// those who have grown up. It is a job: it may run at any moment and twice, and goes on where a run that
// was cut off within a day had come to.
func (s *Service) CheckQuality(ctx context.Context) error {
	run, err := s.beginRun(ctx)
	if err != nil {
		return err
	}
	fields, err := liveFields(s.DB.WithContext(ctx))
	if err != nil {
		return err
	}
	for {
		more, err := s.checkPage(ctx, run, fields)
		if errors.Is(err, errOvertaken) {
			return nil
		}
		if err != nil {
			return err
		}
		if !more {
			return s.endRun(ctx, run)
		}
	}
}

// errOvertaken: another has taken the run further, and will end it.
var errOvertaken = errors.New("profile: another looks through the customers")

func (s *Service) beginRun(ctx context.Context) (run *model.QualityRun, err error) {
	now := s.Now()
	err = model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		if run, err = openRun(tx, now.Add(-resumeWithin)); err != nil || run != nil {
			return err
		}
		run = &model.QualityRun{Missing: "{}", StartedAt: now, UpdatedAt: now}
		return insertRun(tx, run)
	})
	return run, err
}

// checkPage looks at the next customers; more is false after the last ones.
func (s *Service) checkPage(ctx context.Context, run *model.QualityRun, fields []*model.CustomField) (more bool, err error) {
	db := s.DB.WithContext(ctx)
	page, err := customersAfter(db, run.LastCustomerID, qualityPage)
	if err != nil || len(page) == 0 {
		return false, err
	}
	l, err := s.look(db, page, fields)
	if err != nil {
		return false, err
	}
	next := *run
	next.LastCustomerID, next.UpdatedAt = page[len(page)-1].ID, s.Now()
	next.Customers += int64(len(page))
	next.CompletenessSum += l.points
	missing := missingOf(run)
	for name, n := range l.missing {
		missing[name] += n
	}
	next.Missing = encode(missing)
	for _, f := range l.findings {
		f.RunID, f.FoundAt = run.ID, s.Now()
	}
	err = model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		first, err := advanceRun(tx, run.LastCustomerID, &next)
		if err != nil {
			return err
		}
		if !first {
			return errOvertaken
		}
		return putFindings(tx, l.findings)
	})
	if err != nil {
		return false, err
	}
	*run = next
	for _, id := range l.grown {
		if err := s.grow(ctx, id); err != nil {
			return false, err
		}
	}
	return true, nil
}

// endRun forgets what this run no longer saw, and old runs.
func (s *Service) endRun(ctx context.Context, run *model.QualityRun) error {
	for n := pruneAtOnce; n == pruneAtOnce; {
		err := model.InTx(ctx, s.DB, func(tx *gorm.DB) (err error) {
			n, err = dropFindings(tx, run.ID)
			return err
		})
		if err != nil {
			return err
		}
	}
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		if err := finishRun(tx, run.ID, s.Now()); err != nil {
			return err
		}
		return dropRuns(tx, keepRuns)
	})
}

// grow says of a customer that they are no child any more.
func (s *Service) grow(ctx context.Context, id int64) error {
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		return s.Persons.EditTx(tx, id, "birthday", 0, func(c *model.Customer) error {
			day, err := s.Persons.Birthday(c)
			if err != nil {
				return err
			}
			if b, reason := readBirthday(day, s.today()); reason == "" {
				c.Minor = b.age(s.today()) < ChildUntil
			}
			return nil
		})
	})
}

// looked is what one page of customers is like.
type looked struct {
	points   int64
	missing  map[string]int64
	findings []*model.QualityFinding
	grown    []int64 // children until now
}

func (s *Service) look(db *gorm.DB, page []*model.Customer, fields []*model.CustomField) (*looked, error) {
	ids := make([]int64, len(page))
	for i, c := range page {
		ids[i] = c.ID
	}
	phones, err := havingPhone(db, ids)
	if err != nil {
		return nil, err
	}
	values, err := valuesOf(db, ids)
	if err != nil {
		return nil, err
	}
	l := &looked{missing: map[string]int64{}}
	required, answered := l.values(fields, values)
	for _, c := range page {
		points, missing := completeness(c, phones[c.ID], required, answered[c.ID])
		l.points += int64(points)
		for _, name := range missing {
			l.missing[name]++
		}
		if err := s.person(l, c); err != nil {
			return nil, err
		}
	}
	return l, s.doubles(db, l, page)
}

func (l *looked) find(kind string, customerID, otherID int64, field, reason string) {
	l.findings = append(l.findings, &model.QualityFinding{Kind: kind, CustomerID: customerID, OtherID: otherID, Field: field, Reason: reason})
}

// values holds custom values against their definitions, which may have changed since.
func (l *looked) values(fields []*model.CustomField, values []*model.CustomValue) (required []string, answered map[int64][]string) {
	byID := map[int64]*model.CustomField{}
	for _, f := range fields {
		byID[f.ID] = f
		if f.Required {
			required = append(required, f.Name)
		}
	}
	answered = map[int64][]string{}
	for _, v := range values {
		f := byID[v.FieldID]
		if f == nil {
			continue
		}
		answered[v.CustomerID] = append(answered[v.CustomerID], f.Name)
		k, _ := kindOf(f.Kind)
		if f.Sealed {
			continue
		}
		if _, _, reason := k.read(f, v.Value); reason != "" && !l.has(v.CustomerID, "field."+f.Name) {
			l.find(Impossible, v.CustomerID, 0, "field."+f.Name, "not_allowed")
		}
	}
	return required, answered
}

func (l *looked) has(customerID int64, field string) bool {
	return slices.ContainsFunc(l.findings, func(f *model.QualityFinding) bool { return f.CustomerID == customerID && f.Field == field })
}

// person looks at the fixed fields of one customer.
func (s *Service) person(l *looked, c *model.Customer) error {
	if c.Name != "" && !strings.ContainsFunc(c.Name, unicode.IsGraphic) {
		l.find(Impossible, c.ID, 0, "name", "no_visible_sign")
	} else if _, ok := clean(c.Name, false); !ok {
		l.find(Impossible, c.ID, 0, "name", "control_characters")
	}
	if c.Gender < 0 || c.Gender > 2 {
		l.find(Impossible, c.ID, 0, "gender", "unknown_code")
	}
	if c.FirstSeenAt.After(s.Now().Add(24 * time.Hour)) {
		l.find(Impossible, c.ID, 0, "first_seen_at", "future")
	}
	if len(c.SealedBirthday) == 0 {
		return nil
	}
	day, err := s.Persons.Birthday(c)
	if err != nil {
		return fmt.Errorf("look at customer %d: %w", c.ID, err)
	}
	b, reason := readBirthday(day, s.today())
	switch {
	case reason != "":
		l.find(Impossible, c.ID, 0, "birthday", reason)
	case b.md() != c.BirthMD:
		l.find(Impossible, c.ID, 0, "birthday", "contradicts_itself")
	case c.Minor && b.age(s.today()) >= ChildUntil:
		l.grown = append(l.grown, c.ID)
	}
	return nil
}

// doubles finds customers who look like one that was there before: the same name, and the same picture or
// the same birthday.
func (s *Service) doubles(db *gorm.DB, l *looked, page []*model.Customer) error {
	names := make([]string, 0, len(page))
	for _, c := range page {
		if c.Name != "" && (c.Avatar != "" || c.BirthMD != 0) {
			names = append(names, c.Name)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	first, err := firstLookalikes(db, names)
	if err != nil {
		return err
	}
	for _, c := range page {
		for _, likeness := range []string{pictureKey(c.Name, c.Avatar), birthdayKey(c.Name, c.BirthMD)} {
			if other, found := first[likeness]; found && other < c.ID {
				l.find(Duplicate, c.ID, other, "name", strings.SplitN(likeness, ":", 2)[0])
				break
			}
		}
	}
	return nil
}

func pictureKey(name, avatar string) string {
	if avatar == "" {
		return ""
	}
	return "same_name_and_avatar:" + strings.ToLower(name) + "\n" + avatar
}

func birthdayKey(name string, md int) string {
	if md == 0 {
		return ""
	}
	return fmt.Sprintf("same_name_and_birthday:%s\n%d", strings.ToLower(name), md)
}

// Report is what the last whole run found.
type Report struct {
	FinishedAt   *time.Time // nil: no run has finished yet
	Customers    int64
	Completeness int              // on the average, in basis points
	Missing      map[string]int64 // how many lack which field
	Findings     []FindingCount
	// Running is how many customers the run under way has looked at; nil: none is.
	Running *int64
}

// FindingCount says how often something is wrong.
type FindingCount struct {
	Kind, Field, Reason string
	Times               int64
}

// Quality reports on the data of all customers.
func (s *Service) Quality(ctx context.Context) (*Report, error) {
	db := s.DB.WithContext(ctx)
	r := &Report{Missing: map[string]int64{}}
	last, err := lastRun(db)
	if err != nil {
		return nil, err
	}
	if last != nil {
		r.FinishedAt, r.Customers, r.Missing = last.FinishedAt, last.Customers, missingOf(last)
		if last.Customers > 0 {
			r.Completeness = int(last.CompletenessSum / last.Customers)
		}
	}
	open, err := openRun(db, s.Now().Add(-resumeWithin))
	if err != nil {
		return nil, err
	}
	if open != nil {
		r.Running = &open.Customers
	}
	r.Findings, err = countFindings(db)
	return r, err
}

// FindingFilter selects findings.
type FindingFilter struct {
	Kind  string // empty: all
	After int64  // row id of the last one of the page before; 0: the first
	Limit int
}

// Findings lists what is wrong, in the order of being found first.
func (s *Service) Findings(ctx context.Context, f FindingFilter) ([]model.QualityFinding, error) {
	return listFindings(s.DB.WithContext(ctx), f)
}

func missingOf(run *model.QualityRun) map[string]int64 {
	out := map[string]int64{}
	_ = json.Unmarshal([]byte(run.Missing), &out) // ours
	return out
}

func encode(m map[string]int64) string {
	text, err := json.Marshal(m)
	if err != nil {
		panic(err) // texts and numbers
	}
	return string(text)
}
