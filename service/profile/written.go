package profile

import (
	"errors"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/moderation"
)

// WrittenTx implements moderation.Contents: names, pictures and texts of a customer's profile; none of who is another one now.
func (s *Service) WrittenTx(tx *gorm.DB, customerID int64) ([]moderation.Piece, error) {
	c, err := customerByID(tx, customerID)
	if errors.Is(err, ErrNoCustomer) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	answers, err := s.answers(tx, customerID)
	if err != nil {
		return nil, err
	}
	return written(c, answers), nil
}

func written(c *model.Customer, answers []Answer) []moderation.Piece {
	out := []moderation.Piece{{Field: "name", Content: c.Name}, {Field: "avatar", Content: c.Avatar, Picture: true}, {Field: "city", Content: c.City}}
	for _, a := range answers {
		if isWritten(a.Field) {
			out = append(out, moderation.Piece{Field: "fields." + a.Field.Name, Content: joined(a.Values)})
		}
	}
	return out
}

// isWritten: customers write it in words of their own. What is sealed is shown to nobody but staff, and told to nobody else.
func isWritten(f *model.CustomField) bool { return f.Asked && f.Kind == KindText && !f.Sealed }

// pieces are the words and pictures of an edit as they will be kept. What is wrong in it is found when it is made.
func (s *Service) pieces(tx *gorm.DB, in Edit) (out []moderation.Piece, err error) {
	for _, p := range []struct {
		field   string
		value   *string
		picture bool
	}{{"name", in.Name, false}, {"avatar", in.Avatar, true}, {"city", in.City, false}} {
		if p.value != nil {
			out = append(out, moderation.Piece{Field: p.field, Content: *p.value, Picture: p.picture})
		}
	}
	if len(in.Answers) == 0 {
		return out, nil
	}
	fields, err := liveFields(tx)
	if err != nil {
		return nil, err
	}
	for _, f := range fields {
		texts, answered := in.Answers[f.Name]
		if !answered || !isWritten(f) {
			continue
		}
		var c checker
		rows := c.values(f, texts)
		if c.fault() != nil {
			continue
		}
		out = append(out, moderation.Piece{Field: "fields." + f.Name, Content: joinedRows(rows)})
	}
	return out, nil
}
