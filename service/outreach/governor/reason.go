package governor

// Why a message may not leave, now or ever. Names are data: they are stored with deliveries and counted.
const (
	ReasonRefused      = "refused"        // the customer refuses the purpose
	ReasonNoConsent    = "no_consent"     // the purpose needs a yes and there is none
	ReasonMinor        = "minor"          // a child without a guardian's consent
	ReasonDoNotContact = "do_not_contact" // they want no messages: by this channel, about this topic, or at all
	ReasonErasing      = "erasing"        // they have asked to be erased
	ReasonGone         = "gone"           // there is no such customer
	ReasonNoTargeting  = "no_targeting"   // chosen by behaviour, and they refuse that
	ReasonHoldout      = "holdout"        // kept apart, to measure what messages do
	ReasonDuplicate    = "duplicate"      // the same was said to them of late
	ReasonQuiet        = "quiet_hours"    // nobody is disturbed at this hour
	ReasonCap          = "cap"            // they have heard enough of us for the time being
	ReasonQuota        = "quota"          // the platform lets no more through for the time being
	ReasonPriority     = "priority"       // something more important is due and keeps the slot
	ReasonExpired      = "expired"        // there is no slot before the message has lost its sense
)
