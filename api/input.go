package api

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// input is what a handler takes: parameters by their tags, and a JSON body in the field of that name.
type input struct {
	registry huma.Registry
	params   []param
	queries  map[string]bool // the names of those in the query
	body     []int           // the field; nil: none
	needed   bool            // the body
	schema   *huma.Schema    // of the body
	presets  []preset
}

// preset is a field of the body that has a value when nothing is said of it.
type preset struct {
	index []int // within the body
	value reflect.Value
}

func newInput(t reflect.Type, op *huma.Operation, registry huma.Registry) *input {
	in := &input{registry: registry, queries: map[string]bool{}}
	for _, f := range reflect.VisibleFields(t) {
		if f.Anonymous || !f.IsExported() || f.Name == "Body" {
			continue
		}
		p := newParam(f, registry)
		in.params = append(in.params, p)
		if p.in == "query" {
			in.queries[p.name] = true
		}
		if f.Tag.Get("hidden") != "true" {
			op.Parameters = append(op.Parameters, p.document())
		}
	}
	if f, ok := t.FieldByName("Body"); ok {
		in.body = f.Index
		in.needed = f.Type.Kind() != reflect.Pointer && f.Type.Kind() != reflect.Interface
		in.presets = presets(f.Type)
		in.schema = huma.SchemaFromField(registry, f, hint(t, "Body", op.OperationID+"Request"))
		in.schema.PrecomputeMessages()
		op.RequestBody = &huma.RequestBody{
			Required: in.needed, Content: map[string]*huma.MediaType{"application/json": {Schema: in.schema}},
		}
	}
	return in
}

func presets(body reflect.Type) (list []preset) {
	if body.Kind() != reflect.Struct {
		return nil
	}
	for _, f := range reflect.VisibleFields(body) {
		text := f.Tag.Get("default")
		if text == "" {
			continue
		}
		value := reflect.New(f.Type)
		if f.Type.Kind() == reflect.String {
			value.Elem().SetString(text)
		} else if err := json.Unmarshal([]byte(text), value.Interface()); err != nil {
			panic(fmt.Sprintf("the default of %s: %v", f.Name, err))
		}
		list = append(list, preset{f.Index, value.Elem()})
	}
	return list
}

// read fills a handler's input from a request. A status other than 0 says that it is refused, and the errors
// what is wrong with it.
func (in *input) read(ctx huma.Context, v reflect.Value) (int, []error) {
	path, found := huma.NewPathBuffer(nil, 0), &huma.ValidateResult{}
	url := ctx.URL()
	for name := range url.Query() {
		if !in.queries[name] {
			found.Add(at(path, "query", name), "", "unknown query parameter")
		}
	}
	if len(found.Errors) > 0 {
		return http.StatusUnprocessableEntity, found.Errors
	}
	for i := range in.params {
		p := &in.params[i]
		p.read(ctx, v.FieldByIndex(p.index), in.registry, at(path, p.in, p.name), found)
	}
	if in.body != nil && !in.readBody(ctx, v.FieldByIndex(in.body), at(path, "body"), found) {
		return http.StatusBadRequest, found.Errors
	}
	if len(found.Errors) > 0 {
		return http.StatusUnprocessableEntity, found.Errors
	}
	return 0, nil
}

// readBody decodes the body twice: to plain values, which are validated, and then to the handler's type. It
// returns false when there is no JSON.
func (in *input) readBody(ctx huma.Context, v reflect.Value, path *huma.PathBuffer, found *huma.ValidateResult) bool {
	// A read limit that runs out would end the request's context in the middle of the work. Not every
	// connection knows limits.
	_ = ctx.SetReadDeadline(time.Time{})
	body, err := io.ReadAll(ctx.BodyReader()) // from memory: legible has read it
	if err != nil || len(body) == 0 {
		return err == nil && !in.needed
	}
	var plain any
	if err := json.Unmarshal(body, &plain); err != nil {
		found.Errors = append(found.Errors, unreadable(err))
		return false
	}
	before := len(found.Errors)
	huma.Validate(in.registry, in.schema, path, huma.ModeWriteToServer, plain, found)
	if len(found.Errors) > before {
		return true
	}
	for _, p := range in.presets { // first, so that what the body says stays said, be it false or 0
		v.FieldByIndex(p.index).Set(p.value)
	}
	if err := json.Unmarshal(body, v.Addr().Interface()); err != nil {
		found.Errors = append(found.Errors, unreadable(err))
	}
	return true
}

func unreadable(err error) error { return &huma.ErrorDetail{Location: "body", Message: err.Error()} }

// at makes a path be that of one place in a request.
func at(path *huma.PathBuffer, steps ...string) *huma.PathBuffer {
	path.Reset()
	for _, s := range steps {
		path.Push(s)
	}
	return path
}
