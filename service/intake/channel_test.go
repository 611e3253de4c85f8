package intake

import (
	"fmt"
	"slices"
	"testing"

	"zhiyin/service/outreach/channel"
)

// TestSubscribePushes: the platform writes the same items in three shapes.
func TestSubscribePushes(t *testing.T) {
	const one, two = "VRR0UEO9VJOLs0MHlU0OilqX6MVFDwH3_3gz3Oc0NIc", "9nEIUNZHzKC1tFJyHNBYnyOMY0YnJHR2nXRz9xLHmWA"
	for name, body := range map[string]string{
		"xml": "<xml><Event>subscribe_msg_popup_event</Event><SubscribeMsgPopupEvent><List><TemplateId>" + one + "</TemplateId><SubscribeStatusString>accept</SubscribeStatusString><PopupScene>2</PopupScene></List>" +
			"<List><TemplateId>" + two + "</TemplateId><SubscribeStatusString>reject</SubscribeStatusString><PopupScene>2</PopupScene></List></SubscribeMsgPopupEvent></xml>",
		"list":   `{"Event":"subscribe_msg_popup_event","List":[{"TemplateId":"` + one + `","SubscribeStatusString":"accept","PopupScene":"0"},{"SubscribeStatusString":"reject","PopupScene":"0","TemplateId":"` + two + `"}]}`,
		"change": "<xml><Event>subscribe_msg_change_event</Event><SubscribeMsgChangeEvent><List><TemplateId>" + one + "</TemplateId><SubscribeStatusString>accept</SubscribeStatusString></List><List><TemplateId>" + two + "</TemplateId><SubscribeStatusString>reject</SubscribeStatusString></List></SubscribeMsgChangeEvent></xml>",
	} {
		m, err := parse([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		want := []channel.Answer{{TemplateID: one, Accepted: true}, {TemplateID: two}}
		if got := answersIn(subscribeTexts(m)); !slices.Equal(got, want) {
			t.Errorf("%s: got %v", name, got)
		}
	}
	m, err := parse([]byte(`{"Event":"subscribe_msg_popup_event","List":{"TemplateId":"` + one + `","SubscribeStatusString":"accept","PopupScene":"0"}}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := answersIn(subscribeTexts(m)); len(got) != 1 || !got[0].Accepted {
		t.Errorf("a single one: %v", got)
	}
	if got := answersIn(nil); got != nil {
		t.Errorf("of nothing: %v", got)
	}
	for body, want := range map[string]string{
		"<xml><Event>subscribe_msg_sent_event</Event><SubscribeMsgSentEvent><List><TemplateId>" + one + "</TemplateId><MsgID>1700827132819554304</MsgID><ErrorCode>0</ErrorCode><ErrorStatus>success</ErrorStatus></List></SubscribeMsgSentEvent></xml>": "1700827132819554304 0 true",
		`{"Event":"subscribe_msg_sent_event","List":{"TemplateId":"` + one + `","MsgID":"1864323726461255680","ErrorCode":"43101","ErrorStatus":"failed"}}`:                                                                                              "1864323726461255680 43101 true",
		`{"Event":"subscribe_msg_sent_event","List":{"TemplateId":"` + one + `"}}`: " 0 false",
	} {
		m, err := parse([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		id, code, ok := receiptIn(subscribeTexts(m))
		if got := fmt.Sprint(id, " ", code, " ", ok); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
