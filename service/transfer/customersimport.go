package transfer

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/clock"
	"zhiyin/service/customer"
	"zhiyin/service/event"
	"zhiyin/service/fault"
	"zhiyin/service/profile"
	"zhiyin/service/tag"
)

// People are the capabilities that rows about customers speak to.
type People struct {
	Customers *customer.Service
	Profiles  *profile.Service
	Tags      *tag.Service
	Events    *event.Log
	Now       clock.Clock
}

// sourceImport is the source of what imports bring.
const sourceImport = event.SourceImport

// identityColumns are by what a row says who it is about; those with a scope have it in a column of its own.
var identityColumns = []struct {
	column Column
	kind   string
	scope  string // the column of the scope
	value  string // the scope when that column is empty or absent
}{
	{Column{Key: "phone", Zh: "手机号", En: "Phone", Aliases: []string{"电话", "手机", "手机号码", "联系电话", "mobile"}, Kind: Text}, customer.KindPhone, "", ""},
	{Column{Key: "member_number", Zh: "会员号", En: "Member number", Aliases: []string{"会员编号", "会员卡号"}, Kind: Text}, customer.KindMemberNumber, "member_scope", "members"},
	{Column{Key: "unionid", Zh: "UnionID", En: "unionid", Kind: Text}, customer.KindUnionID, "", ""},
	{Column{Key: "openid", Zh: "OpenID", En: "openid", Kind: Text}, customer.KindOpenID, "appid", ""},
	{Column{Key: "external_userid", Zh: "外部联系人ID", En: "external_userid", Kind: Text}, customer.KindExternalUserID, "corpid", ""},
}

var scopeColumns = []Column{
	{Key: "member_scope", Zh: "会员体系", En: "Member scheme", Kind: Text},
	{Key: "appid", Zh: "小程序AppID", En: "appid", Kind: Text},
	{Key: "corpid", Zh: "企业ID", En: "corpid", Kind: Text},
}

func personColumns() (list []Column) {
	for _, i := range identityColumns {
		list = append(list, i.column)
	}
	return append(list, scopeColumns...)
}

// seen reads by what a row says who it is about.
func seen(row Row) (list []customer.Seen) {
	for _, i := range identityColumns {
		v, there := row.Values[i.column.Key]
		if !there {
			continue
		}
		s := customer.Seen{Kind: i.kind, Value: v.Text, Confidence: customer.Stated}
		if i.scope != "" {
			s.Scope = cmp.Or(row.Values[i.scope].Text, i.value)
		}
		list = append(list, s)
	}
	return list
}

const fieldPrefix = "field."

var profileColumns = []Column{
	{Key: "name", Zh: "姓名", En: "Name", Aliases: []string{"昵称", "客户姓名", "客户名称", "nickname"}, Kind: Text},
	{Key: "gender", Zh: "性别", En: "Gender", Kind: Choice, Choices: []Option{{"0", []string{"未知", "unknown"}}, {"1", []string{"男", "male", "m", "先生"}}, {"2", []string{"女", "female", "f", "女士"}}}},
	{Key: "birthday", Zh: "生日", En: "Birthday", Aliases: []string{"出生日期"}, Kind: Date},
	{Key: "city", Zh: "城市", En: "City", Aliases: []string{"所在城市"}, Kind: Text},
	{Key: "tags", Zh: "标签", En: "Tags", Kind: List},
}

// customersImport brings in customers: who they are, what is known of them, which tags they bear.
func customersImport(p People) Importer {
	columns := func(ctx context.Context) ([]Column, error) {
		fields, err := p.Profiles.Fields(ctx)
		return append(slices.Concat(personColumns(), profileColumns), fieldColumns(fields)...), err
	}
	return Importer{Kind: "customers", Zh: "客户", En: "Customers", Columns: columns, Apply: p.applyCustomers}
}

// fieldColumns are the custom fields. What a cell of one may say is for the profile to judge.
func fieldColumns(fields []*model.CustomField) (list []Column) {
	for _, f := range fields {
		c := Column{Key: fieldPrefix + f.Name, Zh: f.Title, En: f.Name, Kind: Text}
		switch f.Kind {
		case profile.KindChoices:
			c.Kind = List
		case profile.KindDate:
			c.Kind = Date
		}
		list = append(list, c)
	}
	return list
}

// arrival is a row about a customer on its way in.
type arrival struct {
	place int // in the batch
	edit  profile.Edit
	tags  []int64
}

func (p People) applyCustomers(tx *gorm.DB, b Batch) ([]Outcome, error) {
	outcomes := make([]Outcome, len(b.Rows))
	labels, err := p.tagNames(tx)
	if err != nil {
		return nil, err
	}
	var arrivals []arrival
	var evidence []customer.Evidence
	for i, row := range b.Rows {
		edit, err := p.Profiles.Checked(tx, editOf(row))
		tags, missing := labels.ids(row.Values["tags"].List)
		identities := seen(row)
		switch f := fault.Of(err); {
		case f != nil:
			outcomes[i] = failed(f)
		case err != nil:
			return nil, err
		case missing:
			outcomes[i] = Outcome{Failed, "tags", "import.no_such_tag", "没有这个标签，请先创建 / there is no such tag; create it first"}
		case len(identities) == 0:
			outcomes[i] = Outcome{Failed, "phone", "import.nobody", "至少需要一项身份，例如手机号 / at least one identity is needed, such as a phone number"}
		default:
			arrivals = append(arrivals, arrival{i, edit, tags})
			evidence = append(evidence, customer.Evidence{Identities: identities, Source: sourceImport, Create: true, New: newOf(edit)})
		}
	}
	people, wrong, err := p.Customers.ResolveEachTx(tx, evidence)
	if err != nil {
		return nil, err
	}
	for i, a := range arrivals {
		if wrong[i] != nil {
			outcomes[a.place] = failed(fault.Of(wrong[i]))
			continue
		}
		if outcomes[a.place].Result, err = p.edit(tx, b, people[i], a.edit); err != nil {
			return nil, err
		}
	}
	if err := p.giveTags(tx, b, arrivals, people, outcomes); err != nil {
		return nil, err
	}
	return outcomes, p.imported(tx, b, arrivals, people)
}

// newOf is what of an edit a new customer is made with.
func newOf(e profile.Edit) (c model.Customer) {
	c.FirstSource = "导入"
	if e.Name != nil {
		c.Name = *e.Name
	}
	if e.Gender != nil {
		c.Gender = *e.Gender
	}
	if e.City != nil {
		c.City = *e.City
	}
	return c
}

// edit writes what a row says of somebody. Who was made by it has the plain fields already.
func (p People) edit(tx *gorm.DB, b Batch, who *customer.Resolved, e profile.Edit) (Result, error) {
	isNew := who.Created && len(who.Merged) == 0
	if isNew && e.Birthday == nil && len(e.Answers) == 0 {
		return Created, nil
	}
	changed, err := p.Profiles.EditTx(tx, who.CustomerID, e, profile.By{Source: sourceImport, StaffID: b.StaffID})
	switch {
	case isNew:
		return Created, err
	case changed || len(who.Merged) > 0:
		return Updated, err
	}
	return Unchanged, err
}

func editOf(row Row) (e profile.Edit) {
	for key, v := range row.Values {
		switch key {
		case "name":
			e.Name = &v.Text
		case "city":
			e.City = &v.Text
		case "birthday":
			e.Birthday = &v.Day
		case "gender":
			g, _ := strconv.Atoi(v.Text) // one of the choices
			e.Gender = &g
		default:
			name, isField := strings.CutPrefix(key, fieldPrefix)
			if !isField {
				continue
			}
			if e.Answers == nil {
				e.Answers = profile.Answers{}
			}
			switch {
			case v.List != nil:
				e.Answers[name] = v.List
			case v.Day != "":
				e.Answers[name] = []string{v.Day}
			default:
				e.Answers[name] = []string{v.Text}
			}
		}
	}
	return e
}

// failed tells a fault of the capability that refused a row.
func failed(f *fault.Fault) Outcome {
	o := Outcome{Result: Failed, Code: f.Code, Reason: f.Zh + " / " + f.En}
	if len(f.Fields) > 0 {
		o.Column, o.Reason = strings.Replace(f.Fields[0].Name, "fields.", fieldPrefix, 1), o.Reason+": "+f.Fields[0].Reason
	}
	return o
}

// imported records of each row's customer where they were brought from, and by that on what ground.
func (p People) imported(tx *gorm.DB, b Batch, arrivals []arrival, people []*customer.Resolved) error {
	var facts []event.Fact
	for i, a := range arrivals {
		if people[i] != nil {
			facts = append(facts, event.CustomerImported{
				CustomerID: people[i].CustomerID, StaffID: b.StaffID, ImportID: b.ImportID, Row: b.Rows[a.place].Number, Basis: b.ConsentBasis, At: p.Now(),
			})
		}
	}
	if _, err := p.Events.Record(tx, facts...); err != nil {
		return fmt.Errorf("record imported customers: %w", err)
	}
	return nil
}
