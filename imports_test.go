package main

import (
	"encoding/json"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// layers lists the services in the order in which they may import one another: a package may import
// those on earlier lines, and speaks to later ones only through events.
var layers = [][]string{
	{"fault", "clock", "phone", "vault"},
	{"work", "keyring"},
	{"event"},
	{"account", "staff", "apikey", "webhook"},
	{"customer", "privacy"},
	{"moderation"},
	{"profile"},
	{"visit"},
	{"catalog"},
	{"segment"},
	{"audience"},
	{"tag"},
	{"autotag"},
	{"lifecycle"},
	{"outreach"},
	{"acquisition", "group", "activity"},
	{"coupon"},
	{"loyalty"},
	{"campaign"},
	{"social"},
	{"journey"},
	{"transfer"},
	{"intake"},
}

// leaves may be imported by everybody because they import nothing of ours.
var leaves = []string{"zhiyin/logs", "zhiyin/service/fault", "zhiyin/service/clock", "zhiyin/service/phone", "zhiyin/service/vault"}

type goPackage struct {
	ImportPath string
	Imports    []string
}

// TestImportsRunOneWay holds the arrows main → api, job → service → model.
func TestImportsRunOneWay(t *testing.T) {
	for _, p := range packages(t) {
		for _, imported := range p.Imports {
			if !strings.HasPrefix(imported, "zhiyin/") || slices.Contains(leaves, imported) {
				continue
			}
			if why := forbidden(p.ImportPath, imported); why != "" {
				t.Errorf("%s imports %s: %s", p.ImportPath, imported, why)
			}
		}
	}
}

func forbidden(from, to string) string {
	switch top(from) {
	case "main", "bench", "demo", "doctor":
		return ""
	case "simulator":
		return "the simulator imports nothing of ours: a mistake shared by both sides would cancel out"
	case "model":
		if top(to) != "model" {
			return "model imports nothing above it"
		}
	case "wecom", "config", "logs", "progress":
		if top(to) != top(from) {
			return "it imports nothing of ours"
		}
	case "service":
		return forbiddenToService(from, to)
	case "job":
		if top(to) != "service" && top(to) != "model" && top(to) != "job" {
			return "job calls services"
		}
	case "api":
		if top(to) == "simulator" || top(to) == "job" && to != "zhiyin/job" {
			return "a face decodes, authorises and calls a service"
		}
	}
	return ""
}

func forbiddenToService(from, to string) string {
	switch top(to) {
	case "model", "wecom":
		return ""
	case "service":
		if line(from) < 0 {
			return "add the package to layers in imports_test.go"
		}
		if name(from) != name(to) && line(to) >= line(from) {
			return "it stands on the same or a later line; speak through events"
		}
		return ""
	}
	return "a service imports services, rows and the gateway's types"
}

// TestOnlyTheGatewayKnowsTheSDK: the WeChat SDK is imported in one place, and SQL drivers in one.
func TestOnlyTheGatewayKnowsTheSDK(t *testing.T) {
	for _, p := range packages(t) {
		for _, imported := range p.Imports {
			if strings.HasPrefix(imported, "github.com/silenceper/wechat") && p.ImportPath != "zhiyin/wecom" {
				t.Errorf("%s imports the WeChat SDK; go through wecom", p.ImportPath)
			}
			if imported == "zhiyin/simulator" && top(p.ImportPath) != "main" && top(p.ImportPath) != "demo" {
				t.Errorf("%s imports the simulator; reach it over HTTP", p.ImportPath)
			}
		}
	}
}

func packages(t *testing.T) []goPackage {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var list []goPackage
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := d.Decode(&p); err == io.EOF {
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
}

// top is the first folder of an import path; main itself has none.
func top(path string) string {
	rest, ok := strings.CutPrefix(path, "zhiyin/")
	if !ok {
		return "main"
	}
	first, _, _ := strings.Cut(rest, "/")
	return first
}

// name is the capability of a service's import path.
func name(path string) string {
	n, _, _ := strings.Cut(strings.TrimPrefix(path, "zhiyin/service/"), "/")
	return n
}

func line(path string) int {
	return slices.IndexFunc(layers, func(l []string) bool { return slices.Contains(l, name(path)) })
}
