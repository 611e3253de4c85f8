package api

import (
	"fmt"
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

// answer is what a handler gives: headers, and a body in the field of that name.
type answer struct {
	headers []header
	body    []int // nil: none
}

type header struct {
	index []int
	name  string
}

func newAnswer(t reflect.Type, op *huma.Operation, registry huma.Registry) *answer {
	a := &answer{}
	op.DefaultStatus = http.StatusNoContent
	body, ok := t.FieldByName("Body")
	if ok {
		a.body, op.DefaultStatus = body.Index, http.StatusOK
	}
	status := strconv.Itoa(op.DefaultStatus)
	r := &huma.Response{Description: http.StatusText(op.DefaultStatus), Headers: map[string]*huma.Param{}}
	op.Responses[status] = r
	if ok && body.Type.Kind() != reflect.Func {
		schema := huma.SchemaFromField(registry, body, hint(t, "Body", op.OperationID+"Response"))
		r.Content = map[string]*huma.MediaType{"application/json": {Schema: schema}}
	}
	for _, f := range reflect.VisibleFields(t) {
		if f.Anonymous || !f.IsExported() || f.Name == "Body" {
			continue
		}
		h := header{f.Index, f.Tag.Get("header")}
		if h.name == "" {
			panic(fmt.Sprintf("%s %s: nothing says where %s goes", op.Method, op.Path, f.Name))
		}
		a.headers = append(a.headers, h)
		f.Type = reflect.TypeFor[string]()
		r.Headers[h.name] = &huma.Header{Schema: huma.SchemaFromField(registry, f, hint(t, f.Name, op.OperationID+status+h.name))}
	}
	return a
}

// hint is what the document calls a schema that has no name of its own.
func hint(t reflect.Type, field, otherwise string) string {
	if t.Name() != "" {
		return t.Name() + field
	}
	return otherwise
}

// headerText is a field as a header says it; an empty one is not sent.
func headerText(v reflect.Value) string {
	if s, ok := v.Addr().Interface().(fmt.Stringer); ok {
		return s.String()
	}
	return v.String()
}
