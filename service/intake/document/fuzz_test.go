package document_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"zhiyin/service/intake/document"
)

// FuzzRead holds the reader against the standard library: what it accepts is well-formed there too
// and says the same.
func FuzzRead(f *testing.F) {
	for _, doc := range malformed {
		if len(doc) < 4096 {
			f.Add(doc, true)
		}
	}
	f.Add("<xml><ToUserName><![CDATA[ww1]]></ToUserName><AgentID/><Encrypt>a&amp;b</Encrypt></xml>", true)
	f.Add("<xml><a>1<![CDATA[<2>]]>3</a><b><c>1</c></b></xml>", false)
	f.Add(`{"tousername":"ww1","encrypt":"QUJD","agentid":1}`, true)
	f.Fuzz(func(t *testing.T, doc string, envelope bool) {
		form := document.Message
		if envelope {
			form = document.Envelope
		}
		got, err := fields(doc, form)
		if err != nil {
			if !errors.Is(err, document.ErrMalformed) {
				t.Fatalf("another error: %v", err)
			}
			return
		}
		if strings.HasPrefix(strings.TrimLeft(doc, " \t\r\n"), "{") {
			if !json.Valid([]byte(doc)) {
				t.Fatalf("accepted invalid JSON %q", doc)
			}
			return
		}
		want, err := byStandardLibrary(doc, envelope)
		if err != nil {
			t.Fatalf("accepted %q, which encoding/xml refuses: %v", doc, err)
		}
		if a, b := normal(got), normal(want); a != b {
			t.Fatalf("%q: got %q, encoding/xml has %q", doc, a, b)
		}
	})
}

// normal writes all line ends as encoding/xml does.
func normal(fields []string) string {
	return strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.Join(fields, "|"))
}

func byStandardLibrary(doc string, envelope bool) ([]string, error) {
	d := xml.NewDecoder(strings.NewReader(strings.TrimLeft(doc, " \t\r\n")))
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	var out []string
	var text strings.Builder
	var names []string
	leaf := false
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		switch v := token.(type) {
		case xml.StartElement:
			names, leaf = append(names, v.Name.Local), true
			text.Reset()
		case xml.CharData:
			text.Write(v)
		case xml.EndElement:
			if leaf && (len(names) == 2 || len(names) > 2 && !envelope) {
				out = append(out, names[1]+"="+text.String())
			}
			names, leaf = names[:len(names)-1], false
			text.Reset()
		}
	}
}
