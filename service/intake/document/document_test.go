package document_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"zhiyin/service/intake/document"
)

func fields(doc string, form document.Form) ([]string, error) {
	var got []string
	err := document.Read([]byte(doc), form, func(name, text []byte) {
		got = append(got, string(name)+"="+string(text))
	})
	return got, err
}

func TestReadTellsTheFieldsOfTheRoot(t *testing.T) {
	tests := []struct {
		name, doc string
		form      document.Form
		want      []string
	}{
		{"as the platform writes it", "<xml>\n  <ToUserName><![CDATA[ww1]]></ToUserName>\n  <AgentID><![CDATA[]]></AgentID>\n  <Encrypt><![CDATA[QUJD]]></Encrypt>\n</xml>\n",
			document.Envelope, []string{"ToUserName=ww1", "AgentID=", "Encrypt=QUJD"}},
		{"declaration", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<xml><a>1</a></xml>", document.Envelope, []string{"a=1"}},
		{"empty element", "<xml><a/><b /></xml>", document.Envelope, []string{"a=", "b="}},
		{"empty root", "<xml/>", document.Envelope, nil},
		{"space in tags", "<xml ><a >1</a ></xml\n>", document.Envelope, []string{"a=1"}},
		{"references", "<xml><a>&lt;&gt;&amp;&quot;&apos;&#65;&#x4E16;</a></xml>", document.Envelope, []string{"a=<>&\"'A世"}},
		{"text of many runs", "<xml><a>1<![CDATA[<2>]]>3&amp;<![CDATA[]]>4</a></xml>", document.Envelope, []string{"a=1<2>3&4"}},
		{"same name below another parent", "<xml><a><b>1</b></a><b>2</b></xml>", document.Envelope, []string{"b=2"}},
		{"lists in a message", "<xml><l><i>1</i><i>2</i></l><x>3</x><x>4</x></xml>", document.Message, []string{"l=1", "l=2", "x=3", "x=4"}},
		{"eight deep", "<xml><b><c><d><e><f><g><h>1</h></g></f></e></d></c></b><z>2</z></xml>", document.Envelope, []string{"z=2"}},
		{"JSON", `{"tousername":"ww1","encrypt":"QUJD","agentid":1000002}`, document.Envelope, []string{"tousername=ww1", "encrypt=QUJD", "agentid=1000002"}},
		{"JSON with spaces before", " \r\n\t{\"a\":\"\\u4e16\",\"b\":null,\"c\":true}", document.Envelope, []string{"a=世", "b=", "c=true"}},
		{"JSON lists", `{"List":[{"a":1},{"a":[2]}],"b":3,"c":["x"]}`, document.Message, []string{"List=1", "List=2", "b=3", "c=x"}},
		{"JSON that nests in an envelope", `{"List":[{"a":1}],"b":3}`, document.Envelope, []string{"b=3"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := fields(tt.doc, tt.form)
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

// malformed is refused in every form.
var malformed = map[string]string{
	"nothing":                         "",
	"spaces":                          " \n",
	"text":                            "hello",
	"not UTF-8":                       "<xml><a>\xff</a></xml>",
	"NUL":                             "<xml><a>\x00</a></xml>",
	"byte order mark":                 "\ufeff<xml/>",
	"DOCTYPE":                         "<!DOCTYPE xml><xml/>",
	"DOCTYPE with an external entity": `<!DOCTYPE xml [<!ENTITY e SYSTEM "file:///etc/passwd">]><xml><a>&e;</a></xml>`,
	"entity bomb":                     `<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>`,
	"unknown entity":                  "<xml><a>&nbsp;</a></xml>",
	"reference to no character":       "<xml><a>&#0;</a></xml>",
	"reference to a surrogate":        "<xml><a>&#xD800;</a></xml>",
	"reference out of range":          "<xml><a>&#x110000;</a></xml>",
	"reference without end":           "<xml><a>&#65</a></xml>",
	"bare ampersand":                  "<xml><a>a & b</a></xml>",
	"processing instruction":          "<?php ?><xml/>",
	"instruction inside":              "<xml><?xml version=\"1.0\"?></xml>",
	"comment":                         "<xml><!-- a --></xml>",
	"comment after":                   "<xml/><!-- a -->",
	"attribute":                       `<xml a="1"/>`,
	"default namespace":               `<xml xmlns="urn:x"><a>1</a></xml>`,
	"prefixed element":                `<xml><z:Event xmlns:z="urn:x">1</z:Event></xml>`,
	"prefix without declaration":      "<xml><z:a>1</z:a></xml>",
	"text after the root":             "<xml/>x",
	"root after the root":             "<xml/><xml/>",
	"NUL after the root":              "<xml/>\x00",
	"text beside elements":            "<xml>x<a>1</a></xml>",
	"text after elements":             "<xml><a>1</a>x</xml>",
	"unclosed":                        "<xml><a>1</a>",
	"unclosed CDATA":                  "<xml><a><![CDATA[1</a></xml>",
	"CDATA outside the root":          "<![CDATA[<xml/>]]>",
	"end of CDATA in text":            "<xml><a>]]></a></xml>",
	"crossed":                         "<xml><a><b></a></b></xml>",
	"wrong case":                      "<xml><a></A></xml>",
	"empty name":                      "<xml><></></xml>",
	"name that begins with a digit":   "<xml><1/></xml>",
	"space before the name":           "<xml>< a/></xml>",
	"nine deep":                       strings.Repeat("<a>", 9) + strings.Repeat("</a>", 9),
	"a megabyte of <a>":               strings.Repeat("<a>", 350_000),
	"a megabyte of <":                 strings.Repeat("<", 1<<20),
	"JSON unclosed":                   `{"a":1`,
	"JSON followed by more":           `{"a":1}{"a":1}`,
	"JSON followed by text":           `{"a":1} x`,
	"JSON with a trailing comma":      `{"a":1,}`,
	"JSON without a colon":            `{"a" 1}`,
	"JSON nine deep":                  strings.Repeat(`{"a":`, 9) + "1" + strings.Repeat("}", 9),
	"JSON of nested lists":            `{"a":` + strings.Repeat("[", 500_000),
	"JSON list":                       `["a"]`,
}

func TestReadRefuses(t *testing.T) {
	for name, doc := range malformed {
		for _, form := range []document.Form{document.Envelope, document.Message} {
			began := time.Now()
			if got, err := fields(doc, form); !errors.Is(err, document.ErrMalformed) {
				t.Errorf("%s, form %d: got %q, %v", name, form, got, err)
			}
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("%s took %s", name, took)
			}
		}
	}
}

func TestEnvelopeRefusesRepetition(t *testing.T) {
	many := new(bytes.Buffer)
	for i := range 40 {
		fmt.Fprintf(many, "<a%d/>", i)
	}
	for _, doc := range []string{
		"<xml><Encrypt>a</Encrypt><Encrypt>b</Encrypt></xml>",
		"<xml><l><i/><i/></l></xml>",
		"<xml>" + many.String() + "</xml>",
		`{"encrypt":"a","encrypt":"b"}`,
		`{"encrypt":"a","Encrypt":"b"}`,
		`{"a":{"b":1,"B":2}}`,
	} {
		if got, err := fields(doc, document.Envelope); !errors.Is(err, document.ErrMalformed) {
			t.Errorf("%.60s: got %q, %v", doc, got, err)
		}
	}
}

func TestReadAllocatesNothing(t *testing.T) {
	doc := []byte("<xml><ToUserName><![CDATA[ww1]]></ToUserName><AgentID><![CDATA[1]]></AgentID><Encrypt><![CDATA[QUJD]]></Encrypt></xml>")
	var n int
	field := func(_, text []byte) { n += len(text) }
	if allocs := testing.AllocsPerRun(100, func() { _ = document.Read(doc, document.Envelope, field) }); allocs > 1 {
		t.Errorf("%v allocations", allocs)
	}
}

func BenchmarkRead(b *testing.B) {
	doc := []byte("<xml><ToUserName><![CDATA[ww1]]></ToUserName><AgentID><![CDATA[1]]></AgentID><Encrypt><![CDATA[" + strings.Repeat("QUJD", 170) + "]]></Encrypt></xml>")
	for b.Loop() {
		_ = document.Read(doc, document.Envelope, func(_, _ []byte) {})
	}
}
