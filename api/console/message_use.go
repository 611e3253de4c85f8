package console

import (
	"context"

	"zhiyin/model"
	"zhiyin/service/outreach"
	"zhiyin/service/outreach/message"
)

// MessageFindings are what the check finds.
type MessageFindings struct {
	Findings []MessageFinding `json:"findings" nullable:"false" doc:"empty: it may be used at once"`
}

// CheckMessage tells what is wrong with a message and what the check finds in it, without keeping it.
func (h *Handlers) CheckMessage(ctx context.Context, in *CreateMessageInput) (*One[MessageFindings], error) {
	d, err := h.draft(ctx, in.Body)
	if err != nil {
		return nil, err
	}
	list, err := h.Messages.Check(ctx, d)
	return one(MessageFindings{messageFindings(list)}), err
}

// PreviewMessageInput is a message to be read as a customer would.
type PreviewMessageInput struct {
	Body struct {
		MessageDraft
		CustomerID string `json:"customer_id,omitempty" maxLength:"26" doc:"one whom the viewer may see; absent: of whom nothing is known"`
	}
}

// MessagePreview is what a message reads.
type MessagePreview struct {
	Channels map[string]MessageContent `json:"channels" doc:"by channel, what it carries"`
}

// PreviewMessage shows a message as one customer would read it, by channel.
func (h *Handlers) PreviewMessage(ctx context.Context, in *PreviewMessageInput) (*One[MessagePreview], error) {
	d, err := h.draft(ctx, in.Body.MessageDraft)
	if err != nil {
		return nil, err
	}
	v := ViewerOf(ctx)
	to := message.Recipient{StaffID: v.StaffID, AccountID: v.AccountID}
	if in.Body.CustomerID != "" {
		if to.CustomerID, err = h.seen(ctx, in.Body.CustomerID); err != nil {
			return nil, err
		}
	}
	shown, err := h.Messages.Preview(ctx, d, to)
	if err != nil {
		return nil, err
	}
	out := MessagePreview{map[string]MessageContent{}}
	for name, r := range shown {
		out.Channels[name] = h.messageContent(&r.Content)
	}
	return one(out), nil
}

// AcceptMessage lets a version pass in spite of what the check finds; its author can't.
func (h *Handlers) AcceptMessage(ctx context.Context, in *IDPath) (*None, error) {
	id, err := h.IDs.Row(model.KindMessageVersion, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.Messages.Accept(ctx, id, ViewerOf(ctx).StaffID)
}

// TestMessage sends a version to whoever asks, and to nobody else.
func (h *Handlers) TestMessage(ctx context.Context, in *IDPath) (*None, error) {
	id, err := h.IDs.Row(model.KindMessageVersion, in.ID)
	if err != nil {
		return nil, err
	}
	if err := h.Messages.Triable(ctx, id); err != nil {
		return nil, err
	}
	v := ViewerOf(ctx)
	return &None{}, h.Outreach.Try(ctx, outreach.Trial{MessageID: id, AccountID: v.AccountID, StaffID: v.StaffID, Values: message.Samples()})
}

// MessageVariable is something that texts may name.
type MessageVariable struct {
	Name   string `json:"name" doc:"between double braces; a fallback follows a bar"`
	En     string `json:"en"`
	Chars  int    `json:"chars" doc:"a longer value is cut"`
	Source string `json:"source" enum:"customer,staff,account,planner" doc:"who knows it; those of a planner take no fallback"`
}

// MessageVocabulary is what messages are made of.
type MessageVocabulary struct {
	Variables []MessageVariable `json:"variables" nullable:"false" doc:"besides: 字段. and the name of a custom field that is not encrypted"`
	Channels  []string          `json:"channels" nullable:"false"`
}

// ListMessageVariables lists what texts may name, and the channels messages can be written for.
func (h *Handlers) ListMessageVariables(context.Context, *struct{}) (*One[MessageVocabulary], error) {
	out := MessageVocabulary{[]MessageVariable{}, message.Channels()}
	for _, v := range message.Variables() {
		out.Variables = append(out.Variables, MessageVariable{v.Name, v.En, v.Chars, v.Source})
	}
	return one(out), nil
}

// MessagePolicy is what operators decide about contents.
type MessagePolicy struct {
	Revision int64    `json:"revision" minimum:"0" doc:"as it was read; rules that were changed meanwhile are not overwritten"`
	Absolute []string `json:"absolute" maxItems:"5000" nullable:"false" doc:"absolute claims, which the Advertising Law forbids"`
	Words    []string `json:"words" maxItems:"5000" nullable:"false" doc:"sensitive words"`
	Except   []string `json:"except" maxItems:"5000" nullable:"false" doc:"words that hold one of the others and are fine"`
	Hosts    []string `json:"hosts" maxItems:"200" nullable:"false" doc:"hosts that may be linked, with all below them"`
}

func messagePolicy(p *message.Policy) MessagePolicy {
	return MessagePolicy{p.Revision, texts(p.Absolute), texts(p.Words), texts(p.Except), texts(p.Hosts)}
}

// GetMessagePolicy gives the rules for contents in force.
func (h *Handlers) GetMessagePolicy(ctx context.Context, _ *struct{}) (*One[MessagePolicy], error) {
	p, err := h.Messages.Policy(ctx)
	if err != nil {
		return nil, err
	}
	return one(messagePolicy(p)), nil
}

// SaveMessagePolicyInput is rules to be saved.
type SaveMessagePolicyInput struct{ Body MessagePolicy }

// SaveMessagePolicy replaces the rules; messages are held against them before each use.
func (h *Handlers) SaveMessagePolicy(ctx context.Context, in *SaveMessagePolicyInput) (*One[MessagePolicy], error) {
	p, err := h.Messages.SavePolicy(ctx, message.Policy(in.Body), ViewerOf(ctx).StaffID)
	if err != nil {
		return nil, err
	}
	return one(messagePolicy(p)), nil
}
