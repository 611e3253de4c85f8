package wecom

import (
	"errors"
	"fmt"
	"time"
)

// Class says what a failure means for the caller, whatever its code.
type Class int

// The classes of failure.
const (
	// ClassUnknown: whether the call had an effect is in doubt. The answer was lost, late, cut off or
	// unreadable. Ask the platform what is true; don't repeat a call that gives something away.
	ClassUnknown Class = iota
	// ClassBusy: the platform was busy or could not be reached; later it may work.
	ClassBusy
	// ClassToken: the platform refused our access token, and refused its successor too.
	ClassToken
	// ClassCredential: wrong corp id, app id or secret. An operator must act.
	ClassCredential
	// ClassRate: too many calls; nothing happened. Try again after RetryAfter.
	ClassRate
	// ClassPermission: the app may not do this, or not from this IP address. An operator must act.
	ClassPermission
	// ClassBadInput: the platform rejects what was asked. Repeating it is useless.
	ClassBadInput
	// ClassNotFound: what was asked about does not exist at the platform.
	ClassNotFound
	// ClassRelation: this customer is not, or no longer, a customer of this staff member.
	ClassRelation
	// ClassBusiness: refused by a rule of the use case; the code says which.
	ClassBusiness
)

var classNames = [...]string{"unknown", "busy", "token", "credentials", "rate", "permission",
	"bad_input", "not_found", "relation", "business"}

// String is the class's stable name, also used as a metric label.
func (c Class) String() string { return classNames[c] }

// What a caller may compare an *Error with, by errors.Is. The first group stands for classes, the
// second for single codes.
var (
	ErrInDoubt      = errors.New("outcome unknown")
	ErrBusy         = errors.New("platform busy or unreachable")
	ErrToken        = errors.New("access token refused")
	ErrCredentials  = errors.New("credentials refused")
	ErrRateLimited  = errors.New("rate limited")
	ErrNoPermission = errors.New("no permission")
	ErrBadInput     = errors.New("bad input")
	ErrNotFound     = errors.New("not found")
	ErrNotCustomer  = errors.New("not a customer of this staff member")

	ErrCodeExpired     = errors.New("welcome code unknown or expired")     // 41050
	ErrAlreadyWelcomed = errors.New("customer already welcomed")           // 41051
	ErrWelcomeInFlight = errors.New("another app is sending a welcome")    // 41096
	ErrNotAgreed       = errors.New("customer has not agreed to archive")  // 41053
	ErrLoginCode       = errors.New("login code unknown, used or expired") // 40029, 40163, 42003
	ErrNameTaken       = errors.New("name already taken")                  // 40071
	ErrNoSuchCustomer  = errors.New("unknown external user id")            // 40096
	ErrTagGone         = errors.New("unknown tag or tag group")            // 40068
	ErrTagLimit        = errors.New("too many tags")                       // 40126
	ErrMediaGone       = errors.New("media unknown or expired")            // 40007
	ErrIPNotTrusted    = errors.New("egress address is not trusted")       // 60020, 40164
)

var classErrors = [...]error{ErrInDoubt, ErrBusy, ErrToken, ErrCredentials, ErrRateLimited, ErrNoPermission,
	ErrBadInput, ErrNotFound, ErrNotCustomer, nil}

var codeErrors = map[int]error{
	41050: ErrCodeExpired, 41051: ErrAlreadyWelcomed, 41096: ErrWelcomeInFlight, 41053: ErrNotAgreed,
	40029: ErrLoginCode, 40163: ErrLoginCode, 42003: ErrLoginCode,
	40071: ErrNameTaken, 40068: ErrTagGone, 40096: ErrNoSuchCustomer, 40126: ErrTagLimit, 40007: ErrMediaGone, 60020: ErrIPNotTrusted, 40164: ErrIPNotTrusted,
	41046: ErrNoSuchMessage, 41047: ErrNoSuchMessage, 41048: ErrNobodyToSend, 41063: ErrSpreading, 41093: ErrCancelled, 41094: ErrRemindedEnough,
	41060: ErrNoSuchMoment, 41089: ErrMomentEnded, 43101: ErrNoConsent, 61010: ErrVisitTooOld, 40037: ErrTemplateGone,
	95000: ErrNoKfPerson, 95001: ErrKfSpent, 95002: ErrKfLate, 95004: ErrNoSuchKf, 95007: ErrKfToken, 95018: ErrKfState,
	41057: ErrNotConvertible, 610014: ErrNotConvertible, 610015: ErrNotConvertible, 610016: ErrNotConvertible, 610017: ErrNotConvertible, 610018: ErrNotConvertible,
}

// Error is every failure of a gateway call.
type Error struct {
	API     string // the platform's path, such as "externalcontact/remark"
	Account string // our account's short name
	Code    int    // the platform's errcode; 0 when it gave none
	Class   Class
	// RetryAfter says how long the same call will go on failing; zero when unknown.
	RetryAfter time.Duration
	// Message is a shortened text for people, without secrets. Never decide by it.
	Message string

	repeatable bool  // the call may be made twice
	again      bool  // the gateway itself may try again at once
	cause      error // context.Canceled or context.DeadlineExceeded
}

// Error names account, API, code and class; it never contains a token, secret or code.
func (e *Error) Error() string {
	s := fmt.Sprintf("wecom %s [%s]: %s", e.API, e.Account, e.Class)
	if e.Code != 0 {
		s += fmt.Sprintf(" %d", e.Code)
	}
	if e.Message != "" {
		s += ": " + e.Message
	}
	return s
}

// Unwrap gives the sentinels of class and code, and a context's error when that ended the call.
func (e *Error) Unwrap() []error {
	var list []error
	for _, err := range []error{classErrors[e.Class], codeErrors[e.Code], e.cause} {
		if err != nil {
			list = append(list, err)
		}
	}
	return list
}

// Retryable tells whether the same call may be made again later without doing anything twice, and
// might then succeed.
func (e *Error) Retryable() bool {
	switch e.Class {
	case ClassBusy, ClassRate, ClassToken:
		return true
	case ClassUnknown:
		return e.repeatable
	}
	return false
}

// CodeOf is the platform's errcode inside err, or 0.
func CodeOf(err error) int {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e.Code
	}
	return 0
}

// codes lists what is known one by one; platform documentation, 全局错误码.
var codes = map[int]Class{
	-1: ClassBusy, 6000: ClassBusy, 41096: ClassBusy,
	40014: ClassToken, 42001: ClassToken, 41001: ClassToken,
	40001: ClassCredential, 40013: ClassCredential, 40091: ClassCredential, 45031: ClassCredential,
	40125: ClassCredential, 40164: ClassCredential, 50004: ClassCredential, 50007: ClassCredential,
	45009: ClassRate, 45033: ClassRate, 45011: ClassRate, 44990: ClassRate,
	81011: ClassPermission, 84074: ClassPermission, 95017: ClassPermission, 60020: ClassPermission, 60011: ClassPermission,
	60111: ClassNotFound, 60003: ClassNotFound, 60123: ClassNotFound, 86003: ClassNotFound, 41044: ClassNotFound, 41047: ClassNotFound,
	41060: ClassNotFound, 41070: ClassNotFound, 41075: ClassNotFound, 95004: ClassNotFound, 40007: ClassNotFound, 40068: ClassBadInput,
	84061: ClassRelation, 84083: ClassRelation, 84084: ClassRelation,
	40029: ClassBusiness, 40163: ClassBusiness, 42003: ClassBusiness, 40126: ClassBusiness, 40226: ClassBusiness, 40096: ClassBadInput,
	40128: ClassBusiness, 40129: ClassBusiness, 40130: ClassBusiness, 40131: ClassBusiness,
	41063: ClassBusy, 43101: ClassBusiness, 40037: ClassNotFound,
	40201: ClassBadInput, 40204: ClassBadInput, 40206: ClassBadInput, 81013: ClassNotFound, 81017: ClassBadInput,
}

// classify judges a code. A code that is not listed is judged by its family; what belongs to none
// is a rule of the use case and is not retried.
func classify(host string, code int) Class {
	// The mini-program platform says 40001 where WeCom says 40014: the token is no good.
	if host == weixin && code == 40001 {
		return ClassToken
	}
	if c, ok := codes[code]; ok {
		return c
	}
	switch code / 1000 {
	case 40, 43, 44, 45, 47, 60:
		return ClassBadInput
	case 41:
		if code < 41036 { // "missing …"; the rest are rules of customer contact
			return ClassBadInput
		}
	case 46:
		return ClassNotFound
	case 48, 50, 301:
		return ClassPermission
	}
	return ClassBusiness
}
