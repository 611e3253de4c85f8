package main

import (
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// checkMirrored holds the house's rows against the simulated world: staff, tags, customers with all
// their relations, groups with their members.
func (h *house) checkMirrored(db *gorm.DB) {
	h.t.Helper()
	for _, line := range h.drift(db) {
		h.t.Error(line)
	}
}

// drift lists where the rows differ from the world, at most ten lines of each kind.
func (h *house) drift(db *gorm.DB) (lines []string) {
	h.t.Helper()
	world := h.world()
	add := func(what string, diff []string) {
		for _, d := range diff {
			lines = append(lines, what+" "+d)
		}
	}
	staff := h.staffByID(db)
	add("department", differences(simDepartments(world), departmentsOf(h, db)))
	add("member", differences(simMembers(world), membersOf(h, db)))
	add("tag", differences(simTags(world), tagsOf(h, db)))
	add("relation", differences(h.simRelations(), h.relationsOf(db, staff)))
	add("group", differences(simGroups(world), groupsOf(h, db)))
	return lines
}

func all[Row any](h *house, db *gorm.DB, cond ...any) (rows []Row) {
	h.t.Helper()
	q := db
	if len(cond) > 0 {
		q = q.Where(cond[0], cond[1:]...)
	}
	if err := q.Find(&rows).Error; err != nil {
		h.t.Fatal(err)
	}
	return rows
}

func (h *house) staffByID(db *gorm.DB) map[int64]string {
	out := map[int64]string{}
	for _, s := range all[model.Staff](h, db) {
		out[s.ID] = s.UserID
	}
	return out
}

func simDepartments(w simCorp) map[string]string {
	out := map[string]string{}
	for _, d := range w.Departments {
		out[fmt.Sprint(d.ID)] = fmt.Sprint(d.Name, " under ", d.Parent)
	}
	return out
}

func departmentsOf(h *house, db *gorm.DB) map[string]string {
	out := map[string]string{}
	for _, d := range all[model.Department](h, db, "gone_at IS NULL") {
		out[fmt.Sprint(d.PlatformID)] = fmt.Sprint(d.Name, " under ", d.ParentPlatformID)
	}
	return out
}

func simMembers(w simCorp) map[string]string {
	out := map[string]string{}
	for _, s := range w.StaffList {
		out[strings.ToLower(s.UserID)] = fmt.Sprint(s.Name, " status ", s.Status)
	}
	return out
}

func membersOf(h *house, db *gorm.DB) map[string]string {
	out := map[string]string{}
	for _, s := range all[model.Staff](h, db, "gone_at IS NULL AND account_id <> 0") {
		out[s.UserID] = fmt.Sprint(s.Name, " status ", s.PlatformStatus)
	}
	return out
}

func simTags(w simCorp) map[string]string {
	out := map[string]string{}
	for _, g := range w.TagGroups {
		for _, t := range g.Tags {
			if !g.Deleted && !t.Deleted {
				out[t.ID] = g.Name + "/" + t.Name
			}
		}
	}
	return out
}

func tagsOf(h *house, db *gorm.DB) map[string]string {
	group, out := map[int64]string{}, map[string]string{}
	for _, g := range all[model.TagGroup](h, db) {
		group[g.ID] = g.Name
	}
	for _, t := range all[model.Tag](h, db, "gone_at IS NULL") {
		id := "(not at the platform) " + t.Name
		if t.PlatformID != nil {
			id = *t.PlatformID
		}
		out[id] = group[t.GroupID] + "/" + t.Name
	}
	return out
}

// simRelations describes who follows whom. A relation that the customer has ended stays readable at
// the platform, so both sides may hold it; only an event tells it from a living one.
func (h *house) simRelations() map[string]string {
	living := map[string]bool{}
	for id := range simTags(h.world()) {
		living[id] = true
	}
	out := map[string]string{}
	for _, c := range h.simCustomers() {
		for _, r := range c.Customer.Relations {
			var tags []string
			for _, id := range r.Tags {
				if living[id] {
					tags = append(tags, id)
				}
			}
			out[strings.ToLower(r.UserID)+" "+r.External] = relationText(c.Person.Name, r.Remark, r.Description, r.State, time.Unix(r.Created, 0), tags)
		}
	}
	return out
}

func relationText(name, remark, description, state string, added time.Time, tags []string) string {
	return fmt.Sprintf("%q remark %q description %q state %q since %s tags %s", name, remark, description, state, added.UTC().Format(time.DateTime), sortedJoin(tags))
}

// relationsOf describes the rows the same way: those that are not over, and those that the customer
// has ended and the platform still shows.
func (h *house) relationsOf(db *gorm.DB, staff map[int64]string) map[string]string {
	names, ids, borne := map[int64]string{}, map[int64]string{}, map[int64][]string{}
	for _, c := range all[model.Customer](h, db) {
		names[c.ID] = c.Name
	}
	for _, t := range all[model.Tag](h, db, "gone_at IS NULL AND platform_id IS NOT NULL") {
		ids[t.ID] = *t.PlatformID
	}
	for _, a := range all[model.TagAssignment](h, db, "sync_state IN ?", []string{"synced", "add"}) {
		if id, ok := ids[a.TagID]; ok {
			borne[a.RelationID] = append(borne[a.RelationID], id)
		}
	}
	out := map[string]string{}
	for _, r := range all[model.Relation](h, db, "status IN ?", []string{"active", "half", "left"}) {
		out[staff[r.StaffID]+" "+r.ExternalUserID] = relationText(names[r.CustomerID], r.Remark, r.Description, r.State, r.AddedAt, borne[r.ID])
	}
	return out
}

func simGroups(w simCorp) map[string]string {
	out := map[string]string{}
	for _, g := range w.GroupList {
		var ids []string
		for _, m := range g.Members {
			ids = append(ids, m.ID)
		}
		out[g.ID] = fmt.Sprint(g.Name, " of ", strings.ToLower(g.Owner), ": ", sortedJoin(ids))
	}
	return out
}

func groupsOf(h *house, db *gorm.DB) map[string]string {
	ids := map[int64][]string{}
	for _, m := range all[model.GroupMember](h, db, "left_at IS NULL") {
		ids[m.GroupID] = append(ids[m.GroupID], m.UserID)
	}
	out := map[string]string{}
	for _, g := range all[model.CustomerGroup](h, db, "dismissed_at IS NULL") {
		out[g.ChatID] = fmt.Sprint(g.Name, " of ", strings.ToLower(g.OwnerUserID), ": ", sortedJoin(ids[g.ID]))
	}
	return out
}
