package simulator

import (
	"fmt"
	"strings"
	"testing"
)

func (b *bench) addTags(group string, names ...string) []any {
	b.t.Helper()
	var tags []m
	for _, n := range names {
		tags = append(tags, m{"name": n})
	}
	return dig(b.want(0, b.api("externalcontact/add_corp_tag", m{"group_name": group, "tag": tags})), "tag_group", "tag").([]any)
}

func TestTagsAddEditDelete(t *testing.T) {
	b := newBench(t, Options{})
	first := b.addTags("意向", "高", "低", "高") // a repeated name collapses
	if len(first) != 2 {
		t.Fatalf("created %v", first)
	}
	more := b.addTags("意向", "中") // into the same group; only the new ones are answered
	if len(more) != 1 {
		t.Fatalf("created %v", more)
	}
	groups := b.want(0, b.api("externalcontact/get_corp_tag_list", m{}))["tag_group"].([]any)
	if len(groups) != 1 || len(dig(groups[0], "tag").([]any)) != 3 {
		t.Fatalf("listed %v", groups)
	}
	if _, ok := groups[0].(m)["deleted"]; ok {
		t.Error("deleted appears without asking by id")
	}
	id := func(x any) string { return dig(x, "id").(string) }
	b.want(40071, b.api("externalcontact/add_corp_tag", m{"group_name": "意向", "tag": []m{{"name": "高"}}}))
	b.want(40072, b.api("externalcontact/add_corp_tag", m{"group_name": "意向", "tag": []m{{"name": strings.Repeat("长", 31)}}}))
	b.want(0, b.api("externalcontact/add_corp_tag", m{"group_name": "意向", "tag": []m{{"name": strings.Repeat("长", 30)}}}))
	b.want(40068, b.api("externalcontact/add_corp_tag", m{"group_id": "etnone", "tag": []m{{"name": "x"}}}))
	b.want(40063, b.api("externalcontact/add_corp_tag", m{"group_name": "空", "tag": []m{}}))
	b.want(40071, b.api("externalcontact/edit_corp_tag", m{"id": id(first[0]), "name": "低"}))
	b.want(0, b.api("externalcontact/edit_corp_tag", m{"id": id(first[0]), "name": "很高", "order": 7}))
	b.want(40068, b.api("externalcontact/edit_corp_tag", m{"id": "etnone", "name": "x"}))
	if g, tg := b.corp().tag(id(first[0])); tg.Name != "很高" || tg.Order != 7 || g.Name != "意向" {
		t.Errorf("tag is %+v", tg)
	}

	two := b.addTags("单", "独")
	b.want(0, b.api("externalcontact/del_corp_tag", m{"tag_id": []string{id(two[0])}}))
	if b.corp().tagGroupNamed("单") != nil {
		t.Error("the group outlived its last tag")
	}
	gone := b.want(0, b.api("externalcontact/get_corp_tag_list", m{"tag_id": []string{id(two[0])}}))
	if dig(gone, "tag_group", 0, "tag", 0, "deleted") != true {
		t.Errorf("asked by id: %v", gone)
	}
	b.want(40068, b.api("externalcontact/del_corp_tag", m{"tag_id": []string{id(two[0])}}))
}

func TestTagLimit(t *testing.T) {
	b := newBench(t, Options{})
	b.ctl("PUT", "/_sim/config", m{"max_tags": 3})
	b.addTags("g", "1", "2", "3")
	b.want(40126, b.api("externalcontact/add_corp_tag", m{"group_name": "g", "tag": []m{{"name": "4"}}}))
}

func TestOnlyTheOwnerEditsTags(t *testing.T) {
	b := newBench(t, Options{})
	mine := dig(b.addTags("g", "mine")[0], "id").(string)
	other := b.token(int64(b.ctl("POST", "/_sim/apps", m{})["agentid"].(float64)))
	b.want(81011, b.as(other, "externalcontact/edit_corp_tag", m{"id": mine, "name": "x"}))
	b.want(81011, b.as(other, "externalcontact/del_corp_tag", m{"tag_id": []string{mine}}))
	admin := b.act("tag_create", m{"group": "后台", "names": []string{"a"}})
	b.want(81011, b.api("externalcontact/edit_corp_tag", m{"id": dig(admin, "tags", 0, "id"), "name": "x"}))
	b.want(81011, b.api("externalcontact/del_corp_tag", m{"group_id": []any{admin["id"]}}))
	b.ctl("PUT", "/_sim/config", m{"tag_owner_only": false})
	b.want(0, b.as(other, "externalcontact/edit_corp_tag", m{"id": mine, "name": "x"}))
}

func TestMarkTag(t *testing.T) {
	b := newBench(t, Options{})
	b.staff("ann", "bob")
	ext := b.befriended("ann")
	tags := b.addTags("g", "1", "2")
	one, two := dig(tags[0], "id"), dig(tags[1], "id")
	mark := func(user string, add, remove []any) m {
		return b.api("externalcontact/mark_tag", m{"userid": user, "external_userid": ext, "add_tag": add, "remove_tag": remove})
	}
	b.want(0, mark("ann", []any{one, two}, nil))
	b.want(0, mark("ann", []any{one}, []any{two})) // again one: held once
	got := dig(b.api("externalcontact/get?external_userid="+ext, nil), "follow_user", 0, "tags")
	if fmt.Sprint(len(got.([]any)), dig(got, 0, "tag_id"), dig(got, 0, "group_name"), dig(got, 0, "type")) != fmt.Sprint(1, one, "g", 1) {
		t.Errorf("tags %v", got)
	}
	b.want(84061, mark("bob", []any{one}, nil))
	b.want(40068, mark("ann", []any{"etnone"}, nil))
	b.want(40063, mark("ann", nil, nil))
	b.want(0, b.api("externalcontact/del_corp_tag", m{"tag_id": []any{one}}))
	if got := dig(b.api("externalcontact/get?external_userid="+ext, nil), "follow_user", 0, "tags").([]any); len(got) != 0 {
		t.Errorf("a deleted tag stayed: %v", got)
	}
}
