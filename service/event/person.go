package event

import (
	"strconv"
	"time"
)

// SourceConversion: the platform was asked who a WeChat user is among the external contacts.
const SourceConversion = "conversion"

// CustomerIdentified 识别: a customer can be recognised by one more identity. Relations that begin bring
// identities too; those are told by CustomerAdded.
type CustomerIdentified struct {
	AccountID  int64     `json:"account_id,omitempty"`
	CustomerID int64     `json:"customer_id"`
	IdentityID int64     `json:"-"`
	Kind       string    `json:"identity"`
	Confidence int       `json:"confidence"`
	Source     string    `json:"-"`
	At         time.Time `json:"at"`
}

// About implements Fact.
func (f CustomerIdentified) About() About {
	return About{
		Kind: KindCustomerIdentified, AccountID: f.AccountID, CustomerID: f.CustomerID, Source: f.Source, At: f.At,
		Key: KindCustomerIdentified + ":" + strconv.FormatInt(f.IdentityID, 10),
	}
}

// CustomerImported 导入: a row of an import was about this customer.
type CustomerImported struct {
	CustomerID int64     `json:"customer_id"`
	StaffID    int64     `json:"staff_id"`
	ImportID   int64     `json:"import_id"`
	Row        int64     `json:"row"`
	Basis      string    `json:"basis"` // on what ground these data may be used
	At         time.Time `json:"at"`
}

// About implements Fact. A row is about one customer, once.
func (f CustomerImported) About() About {
	return About{
		Kind: KindCustomerImported, CustomerID: f.CustomerID, StaffID: f.StaffID, Source: SourceImport, At: f.At,
		Key: KindCustomerImported + ":" + strconv.FormatInt(f.ImportID, 10) + ":" + strconv.FormatInt(f.Row, 10),
	}
}

// CustomerMerged 合并: OtherID turned out to be CustomerID, who has from now on all that was OtherID's.
type CustomerMerged struct {
	CustomerID int64     `json:"customer_id"`
	OtherID    int64     `json:"other_id"`
	MergeID    int64     `json:"merge_id"`
	Reason     string    `json:"reason"`
	Source     string    `json:"-"`
	At         time.Time `json:"at"`
}

// About implements Fact.
func (f CustomerMerged) About() About {
	return aboutMerge(KindCustomerMerged, f.CustomerID, f.MergeID, f.Source, f.At)
}

// CustomerSplit 撤销合并: a merge was undone, and OtherID stands for themselves again.
type CustomerSplit struct {
	CustomerID int64     `json:"customer_id"`
	OtherID    int64     `json:"other_id"`
	MergeID    int64     `json:"merge_id"`
	Source     string    `json:"-"`
	At         time.Time `json:"at"`
}

// About implements Fact.
func (f CustomerSplit) About() About {
	return aboutMerge(KindCustomerSplit, f.CustomerID, f.MergeID, f.Source, f.At)
}

func aboutMerge(kind string, customerID, mergeID int64, source string, at time.Time) About {
	return About{Kind: kind, CustomerID: customerID, Source: source, At: at, Key: kind + ":" + strconv.FormatInt(mergeID, 10)}
}
