package intake

import (
	"context"
	"strconv"
	"strings"

	"zhiyin/service/outreach/channel"
)

// kfChanged reads what happened in a customer-service account: the message says no more than that something did.
func (s *Service) kfChanged(ctx context.Context, e Event) error {
	kfID := e.Get("OpenKfId")
	if kfID == "" {
		return errUseless{"the message names no customer-service account"}
	}
	return s.channels.KfChanged(ctx, e.Account, kfID, e.Get("Token"))
}

// subscribePrompted: a customer answered the prompt for subscribe messages.
func (s *Service) subscribePrompted(ctx context.Context, e Event) error {
	return s.subscribeAnswered(ctx, e, false)
}

// subscribeChanged: a customer changed the setting itself.
func (s *Service) subscribeChanged(ctx context.Context, e Event) error {
	return s.subscribeAnswered(ctx, e, true)
}

func (s *Service) subscribeAnswered(ctx context.Context, e Event, setting bool) error {
	if e.Stale {
		return nil // a consent that comes too late is none: it may have been told before, or used
	}
	answers := answersIn(subscribeTexts(e.Message))
	if len(answers) == 0 || e.Get("FromUserName") == "" {
		return errUseless{"the message holds no answer"}
	}
	return s.channels.Prompted(ctx, e.Account, e.Get("FromUserName"), answers, setting, e.when())
}

// subscribeSent: the platform delivered a subscribe message, or could not.
func (s *Service) subscribeSent(ctx context.Context, e Event) error {
	id, code, ok := receiptIn(subscribeTexts(e.Message))
	if !ok {
		return errUseless{"the message names no subscribe message"}
	}
	return s.channels.Subscribed(ctx, e.Account, id, code)
}

// subscribeTexts are the texts of the items of a push about subscribe messages, in order. XML has an element around the
// items, JSON has not.
func subscribeTexts(m *Message) []string {
	for _, name := range []string{"List", "SubscribeMsgPopupEvent", "SubscribeMsgChangeEvent", "SubscribeMsgSentEvent"} {
		if texts := m.fields[strings.ToLower(name)]; len(texts) > 0 {
			return texts
		}
	}
	return nil
}

// answersIn pairs template ids with what was said to them: the words stand behind the id or before it, and templates have
// ids that are longer than any word.
func answersIn(texts []string) (answers []channel.Answer) {
	template, word := "", ""
	for _, text := range texts {
		switch {
		case text == "accept" || text == "reject" || text == "ban" || text == "filter":
			word = text
		case len(text) > 20:
			template = text
		}
		if template != "" && word != "" {
			answers = append(answers, channel.Answer{TemplateID: template, Accepted: word == "accept"})
			template, word = "", ""
		}
	}
	return answers
}

// receiptIn finds the message's id, a long number, and the error's, a short one.
func receiptIn(texts []string) (id string, code int, ok bool) {
	for _, text := range texts {
		n, err := strconv.ParseInt(text, 10, 64)
		switch {
		case err != nil:
		case len(text) > 8:
			id, ok = text, true
		default:
			code = int(n)
		}
	}
	return id, code, ok
}
