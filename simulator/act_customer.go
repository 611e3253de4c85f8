package simulator

import "slices"

// actConfirm: after the half-add, so without a welcome code.
func (s *Simulator) actConfirm(c *controlCall) (any, error) {
	var in who
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	corp, r, err := s.related(in)
	if err != nil {
		return nil, err
	}
	if !r.Half {
		return nil, refuse("already confirmed")
	}
	r.Half = false
	s.emit(corp, customerEvent("add_external_contact", r.UserID, r.Customer, optional(nil, "State", r.State)...), in.Callback)
	return r, nil
}

// actCustomerDeletes leaves a one-sided relation, which the APIs still answer.
func (s *Simulator) actCustomerDeletes(c *controlCall) (any, error) {
	var in who
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	corp, r, err := s.related(in)
	if err != nil {
		return nil, err
	}
	s.leaves(corp, r, in.Callback)
	return r, nil
}

func (s *Simulator) leaves(c *corp, r *relation, how handling) {
	r.Left = true
	s.emit(c, customerEvent("del_follow_user", r.UserID, r.Customer), how)
}

func (s *Simulator) actStaffDeletes(c *controlCall) (any, error) {
	in := struct {
		who
		Source string `json:"source"` // DELETE_BY_TRANSFER
	}{}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	corp, r, err := s.related(in.who)
	if err != nil {
		return nil, err
	}
	corp.removeRelation(r)
	s.emit(corp, customerEvent("del_external_contact", r.UserID, r.Customer, optional(nil, "Source", in.Source)...), in.Callback)
	return reply{"deleted": true}, nil
}

type editRequest struct {
	who
	Remark      *string   `json:"remark"`
	Description *string   `json:"description"`
	Company     *string   `json:"remark_company"`
	Mobiles     *[]string `json:"remark_mobiles"`
	Add         []string  `json:"add_tag"`
	Remove      []string  `json:"remove_tag"`
	OwnTags     *[]string `json:"own_tags"`
}

// actEdit tells the apps unless only phone numbers changed.
func (s *Simulator) actEdit(c *controlCall) (any, error) {
	var in editRequest
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	corp, r, err := s.related(in.who)
	if err != nil {
		return nil, err
	}
	for _, id := range slices.Concat(in.Add, in.Remove) {
		if _, t := corp.tag(id); t == nil {
			return nil, refuse("no tag %q", id)
		}
	}
	s.edit(corp, r, in)
	return r, nil
}

func (s *Simulator) edit(c *corp, r *relation, in editRequest) {
	assign(&r.Remark, in.Remark)
	assign(&r.Description, in.Description)
	assign(&r.Company, in.Company)
	assign(&r.Mobiles, in.Mobiles)
	assign(&r.OwnTags, in.OwnTags)
	r.retag(in.Add, in.Remove)
	if in.Remark == nil && in.Description == nil && in.Company == nil && len(in.Add)+len(in.Remove) == 0 {
		return
	}
	s.emit(c, customerEvent("edit_external_contact", r.UserID, r.Customer, optional(nil, "State", r.State)...), in.Callback)
}
