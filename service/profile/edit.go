package profile

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/customer"
	"zhiyin/service/event"
	"zhiyin/service/moderation"
)

// Profile is what is known of a customer in fixed and custom fields.
type Profile struct {
	CustomerID   int64
	Name         string
	Avatar       string
	Gender       int // 0 unknown, 1 male, 2 female
	City         string
	Birthday     string // yyyy-mm-dd; empty: not known
	Minor        bool
	HasPhone     bool
	Completeness int // basis points of the fields that count
	Answers      []Answer
	Held         []moderation.Held // what other customers don't see of what this one wrote
}

// Of gives a customer's profile, or fails with ErrNoCustomer. Who may see it is for the caller to decide.
func (s *Service) Of(ctx context.Context, customerID int64) (*Profile, error) {
	db := s.DB.WithContext(ctx)
	c, err := customerByID(db, customerID)
	if err != nil {
		return nil, err
	}
	p := &Profile{CustomerID: c.ID, Name: c.Name, Avatar: c.Avatar, Gender: c.Gender, City: c.City, Minor: c.Minor}
	if p.Birthday, err = s.Persons.Birthday(c); err != nil {
		return nil, err
	}
	if p.Answers, err = s.answers(db, customerID); err != nil {
		return nil, err
	}
	if p.Held, err = moderation.HeldOf(db, c.ID, written(c, p.Answers)); err != nil {
		return nil, err
	}
	phones, err := havingPhone(db, []int64{customerID})
	if err != nil {
		return nil, err
	}
	p.HasPhone = phones[customerID]
	var required, answered []string
	for _, a := range p.Answers {
		if a.Field.Required {
			required = append(required, a.Field.Name)
			if len(a.Values) > 0 {
				answered = append(answered, a.Field.Name)
			}
		}
	}
	p.Completeness, _ = completeness(c, p.HasPhone, required, answered)
	return p, nil
}

// Edit says what to change; nil stays, empty clears.
type Edit struct {
	Name     *string
	Avatar   *string
	Gender   *int
	City     *string
	Birthday *string
	Answers  Answers
	// Asked: the customer is who edits. They answer only what they are asked, and what they write is looked at before others see it.
	Asked bool
}

// purposeProfile is what a guardian must have consented to before anything is kept of a child.
const purposeProfile = "profile"

// Edit changes a customer's profile, with history, and records one ProfileChanged when anything is another
// than before. Repeatable. A day of birth that makes the customer a child is refused with ErrGuardian until
// a guardian has consented; that they are a child is kept all the same, to protect them. It fails with
// ErrInvalid, which names every wrong field, with ErrNoCustomer, and of what customers write themselves with
// moderation.ErrRisky.
func (s *Service) Edit(ctx context.Context, customerID int64, in Edit, by By) error {
	born, err := s.check(&in)
	if err != nil {
		return err
	}
	child := born != nil && born.age(s.today()) < ChildUntil
	if child {
		if err := s.protect(ctx, customerID, by); err != nil {
			return err
		}
	}
	var looked []moderation.Looked
	if in.Asked {
		pieces, err := s.pieces(s.DB.WithContext(ctx), in)
		if err != nil {
			return err
		}
		if looked, err = s.Moderation.Look(ctx, moderation.Author{CustomerID: customerID, AccountID: by.AccountID}, pieces); err != nil {
			return err
		}
	}
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		standing, _, err := s.editTx(tx, customerID, in, born, child, by)
		if err != nil || !in.Asked {
			return err
		}
		return s.Moderation.NoteTx(tx, moderation.Author{CustomerID: standing, AccountID: by.AccountID}, looked)
	})
}

// Checked is an edit as it would be made, of many that are to be made in one transaction: with its texts as they are
// kept, and with every wrong field named by ErrInvalid. A day of birth that makes somebody a child is refused with
// ErrGuardian.
func (s *Service) Checked(tx *gorm.DB, in Edit) (Edit, error) {
	born, err := s.check(&in)
	if err != nil {
		return in, err
	}
	if born != nil && born.age(s.today()) < ChildUntil {
		return in, ErrGuardian
	}
	if len(in.Answers) == 0 {
		return in, nil
	}
	fields, err := liveFields(tx)
	if err != nil {
		return in, err
	}
	var c checker
	for name, texts := range in.Answers {
		i := slices.IndexFunc(fields, func(f *model.CustomField) bool { return f.Name == name })
		if i < 0 {
			c.wrong("fields."+name, "没有这个字段 / no such field")
			continue
		}
		c.values(fields[i], texts)
	}
	return in, c.fault()
}

// EditTx makes a [Service.Checked] edit as part of a larger change, and tells whether anything is another than before.
func (s *Service) EditTx(tx *gorm.DB, customerID int64, in Edit, by By) (changed bool, err error) {
	var born *birthday
	if in.Birthday != nil && *in.Birthday != "" {
		b, _ := readBirthday(*in.Birthday, s.today())
		born = &b
	}
	_, changed, err = s.editTx(tx, customerID, in, born, false, by)
	return changed, err
}

// editTx tells who stands for the customer and has the values now.
func (s *Service) editTx(tx *gorm.DB, customerID int64, in Edit, born *birthday, child bool, by By) (standing int64, changed bool, err error) {
	standing, fields, err := s.editFixed(tx, customerID, in, born, child, by)
	if err != nil {
		return 0, false, err
	}
	changes, err := s.answerTx(tx, standing, in.Answers, in.Asked, by)
	if err != nil {
		return 0, false, err
	}
	if err := s.Persons.AnswersChangedTx(tx, standing, by.Source, by.StaffID, changes...); err != nil {
		return 0, false, err
	}
	for _, ch := range changes {
		fields = append(fields, "field."+ch.Name)
	}
	return standing, len(fields) > 0, s.told(tx, standing, fields, by)
}

// check cleans the fixed fields of an edit.
func (s *Service) check(in *Edit) (born *birthday, err error) {
	var c checker
	text := func(field string, value *string, most int) *string {
		if value == nil {
			return nil
		}
		out := c.text(field, *value, 0, most)
		return &out
	}
	in.Name, in.City = text("name", in.Name, 32), text("city", in.City, 32)
	if in.Avatar = text("avatar", in.Avatar, 1024); in.Avatar != nil && *in.Avatar != "" && !isAvatar(*in.Avatar) {
		c.wrong("avatar", "应为微信头像地址 / an address of the platform's avatars")
	}
	if in.Gender != nil && (*in.Gender < 0 || *in.Gender > 2) {
		c.wrong("gender", "0, 1, 2")
	}
	if in.Birthday != nil && *in.Birthday != "" {
		b, reason := readBirthday(*in.Birthday, s.today())
		if reason != "" {
			c.wrong("birthday", reasons[reason])
		}
		born = &b
	}
	return born, c.fault()
}

// isAvatar: pictures come from where the platform keeps avatars, so that nobody plants an address that
// tells them who looks at it.
func isAvatar(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.User != nil || u.Port() != "" || u.Fragment != "" {
		return false
	}
	return slices.ContainsFunc([]string{".qlogo.cn", ".qpic.cn"}, func(host string) bool { return strings.HasSuffix(u.Hostname(), host) })
}

// protect notes that a customer is a child, and stops unless their guardian has consented.
func (s *Service) protect(ctx context.Context, customerID int64, by By) error {
	err := model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		return s.Persons.EditTx(tx, customerID, by.Source, by.StaffID, func(c *model.Customer) error {
			c.Minor = true
			return nil
		})
	})
	if err != nil {
		return err
	}
	given, err := s.Consents.Given(ctx, customerID, purposeProfile)
	if err == nil && !given {
		return ErrGuardian
	}
	return err
}

// editFixed locks the customer and writes the fixed fields. It tells who stands for them and which changed.
func (s *Service) editFixed(tx *gorm.DB, customerID int64, in Edit, born *birthday, child bool, by By) (standing int64, changed []string, err error) {
	err = s.Persons.EditTx(tx, customerID, by.Source, by.StaffID, func(c *model.Customer) error {
		standing = c.ID
		note(&changed, "name", &c.Name, in.Name)
		note(&changed, "avatar", &c.Avatar, in.Avatar)
		note(&changed, "gender", &c.Gender, in.Gender)
		note(&changed, "city", &c.City, in.City)
		if in.Birthday == nil {
			return nil
		}
		// Sealed values differ though the day is the same.
		old, err := s.Persons.Birthday(c)
		if err != nil || old == *in.Birthday {
			return err
		}
		changed = append(changed, "birthday")
		c.SealedBirthday, c.BirthMD = s.Persons.SealBirthday(c.ID, *in.Birthday), 0
		if born != nil {
			// Without a day of birth a child stays one: only a day can say otherwise.
			c.BirthMD, c.Minor = born.md(), child
		}
		return nil
	})
	if errors.Is(err, customer.ErrNotFound) {
		return 0, nil, ErrNoCustomer
	}
	return standing, changed, err
}

// note sets a value and notes the field when that is a change.
func note[T comparable](changed *[]string, field string, to, from *T) {
	if from != nil && *to != *from {
		*to = *from
		*changed = append(*changed, field)
	}
}

func (s *Service) told(tx *gorm.DB, customerID int64, fields []string, by By) error {
	if len(fields) == 0 {
		return nil
	}
	slices.Sort(fields)
	_, err := s.Events.Record(tx, event.ProfileChanged{
		CustomerID: customerID, StaffID: by.StaffID, Fields: fields, ChangeKey: randomKey(), Source: by.Source, At: s.Now(),
	})
	return err
}
