package channel

import (
	"errors"
	"time"

	"zhiyin/service/outreach"
	"zhiyin/wecom"
)

// Reasons that channels give. Names are data.
const (
	ReasonNoCustomer    = "no_customer"    // the channel speaks to customers, and none is named
	ReasonNoRelation    = "no_relation"    // nobody, or not this member of staff, follows the customer
	ReasonNoGroup       = "no_group"       // there is no such group, or it has no owner here
	ReasonNoStaff       = "no_staff"       // there is no such member of staff
	ReasonNoOpenID      = "no_openid"      // the customer was never in this mini-program
	ReasonNoGrant       = "no_grant"       // no consent to another of these messages is left
	ReasonNoTemplate    = "no_template"    // the mini-program does not have the template
	ReasonNoWindow      = "no_window"      // the customer has not written for 48 hours
	ReasonWindowSpent   = "window_spent"   // the customer's last message has been answered five times
	ReasonNoPhone       = "no_phone"       // no phone number is known
	ReasonNoAddress     = "no_address"     // no e-mail address is known
	ReasonNotSet        = "channel_off"    // the channel is not set up, or switched off
	ReasonMissing       = "missing_value"  // a variable has neither a value nor a fallback
	ReasonContent       = "content"        // the message says nothing that this channel can carry
	ReasonUploading     = "media_upload"   // a file is on its way to the platform
	ReasonFailList      = "fail_list"      // the platform can't send to this recipient
	ReasonNotFriend     = "not_friend"     // the customer has deleted the sender
	ReasonOverQuota     = "over_quota"     // mass messages have used up what the customer may get
	ReasonNotConfirmed  = "not_confirmed"  // the sender did not confirm in time
	ReasonNotSelected   = "not_selected"   // the sender took the recipient off the list
	ReasonTaskDropped   = "task_dropped"   // the member of staff dropped the task
	ReasonKfFailed      = "kf_failed"      // the customer-service message did not arrive
	ReasonSubscribeFail = "subscribe_fail" // the platform took the subscribe message and could not deliver it
)

// outcome says what a call that failed comes to. An error means that nothing is known.
func (s *Service) outcome(err error) (outreach.Outcome, error) {
	var e *wecom.Error
	if !errors.As(err, &e) {
		return outreach.Outcome{}, err
	}
	o := outreach.Outcome{Result: outreach.Result{Fate: outreach.FateLater, Code: e.Code, Reason: "platform_" + e.Class.String()}}
	switch e.Class {
	case wecom.ClassUnknown:
		return outreach.Outcome{}, err
	case wecom.ClassRate:
		o.Throttled, o.At = true, s.after(e.RetryAfter)
	case wecom.ClassBusy, wecom.ClassToken:
		o.At = s.after(e.RetryAfter)
	case wecom.ClassCredential:
		o.Broken, o.Class = true, outreach.ClassPermission
	case wecom.ClassPermission:
		o.Broken, o.Class = true, outreach.ClassPermission
		if e.Code == 60011 { // this member of staff, not the account
			o.Broken, o.Fate = false, outreach.FateFailed
		}
	case wecom.ClassRelation:
		o.Fate, o.Class = outreach.FateFailed, outreach.ClassRelation
	case wecom.ClassBadInput, wecom.ClassNotFound:
		o.Fate, o.Class = outreach.FateFailed, outreach.ClassInput
	default:
		o.Fate, o.Class = outreach.FateFailed, outreach.ClassOther
	}
	return o, nil
}

// after is a moment so far ahead; zero when nothing is known.
func (s *Service) after(d time.Duration) time.Time {
	if d <= 0 {
		return time.Time{}
	}
	return s.now().Add(d)
}

func failed(class, reason string) outreach.Outcome {
	return outreach.Outcome{Result: outreach.Result{Fate: outreach.FateFailed, Class: class, Reason: reason}}
}

func accepted(platformID string) outreach.Outcome {
	return outreach.Outcome{Result: outreach.Result{Fate: outreach.FateAccepted, PlatformID: platformID}}
}

// never and soon refuse a delivery for good, or for now.
func never(id int64, reason string) outreach.Refusal { return outreach.Refusal{ID: id, Reason: reason} }

func broken(id int64, reason string) outreach.Refusal {
	return outreach.Refusal{ID: id, Reason: reason, Class: outreach.ClassInput}
}

func (s *Service) soon(id int64, reason string, wait time.Duration) outreach.Refusal {
	return outreach.Refusal{ID: id, Reason: reason, Until: s.now().Add(wait)}
}
