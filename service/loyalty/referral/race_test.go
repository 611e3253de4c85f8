package referral

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/loyalty"
)

// TestBudgetsAndRewardsRace: however many replicas give at once, no ceiling is exceeded, no room is left that a reward would
// have fitted in, and nobody has anything twice. Books, rewards and budget say the same.
func TestBudgetsAndRewardsRace(t *testing.T) {
	h := newHouse(t)
	for _, tt := range []struct {
		name   string
		budget Budget
		given  int64 // of the 6 first steps, 3 second steps and 12 newcomers' coupons
	}{
		{"so many rewards", Budget{Rewards: 11}, 11},
		{"so many points", Budget{Points: 70}, -1},
		{"so many coupons", Budget{Coupons: 5}, 9 + 5},
		{"so much money", Budget{Fen: 999}, -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h.t = t
			p := h.published(with(func(d *Definition) {
				d.Ask, d.CoolOffDays, d.Budget = AskSignIn, 0, tt.budget
				d.Steps = []Step{{1, Prize{Kind: Points, Name: "一", Points: 10, CostFen: 100}}, {3, Prize{Kind: Points, Name: "三", Points: 30, CostFen: 300}}}
				d.Invitee = &Prize{Kind: Coupon, Name: "券", BatchID: 7, CostFen: 50}
			}))
			for i := range 6 {
				inviter := h.customer()
				for range 1 + 2*(i%2) {
					h.invited(p, inviter)
				}
			}
			var all sync.WaitGroup
			for range 4 {
				all.Go(func() {
					if err := h.Tick(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			h.must(h.Tick(t.Context()))
			h.audit(p)
			b := must(h.Get(t.Context(), p.ID))(t).Budget
			if tt.given >= 0 && b.UsedRewards != tt.given {
				t.Errorf("%d rewards were given, want %d", b.UsedRewards, tt.given)
			}
			// What is still owed does not fit.
			var owed []model.ReferralReward
			h.must(h.DB.Where("state = ? AND programme_id = ?", Owed, p.ID).Find(&owed).Error)
			if len(owed) != int(21-b.UsedRewards) {
				t.Errorf("%d owed and %d given", len(owed), b.UsedRewards)
			}
			for _, r := range owed {
				points, coupons := costs(&r)
				over := tt.budget.Rewards > 0 && b.UsedRewards+1 > tt.budget.Rewards || tt.budget.Points > 0 && b.UsedPoints+points > tt.budget.Points ||
					tt.budget.Coupons > 0 && b.UsedCoupons+coupons > tt.budget.Coupons || tt.budget.Fen > 0 && b.UsedFen+r.CostFen > tt.budget.Fen
				if !over || r.Reason != reasonBudget {
					t.Errorf("owed for %q although there is room: %+v", r.Reason, b)
				}
			}
			// Raising the ceiling gives the rest.
			cur := must(h.Get(t.Context(), p.ID))(t)
			d := cur.Definition()
			d.Budget = Budget{}
			must(h.Save(t.Context(), 1, p.ID, cur.Version, d))(t)
			h.must(h.Tick(t.Context()))
			if b := h.audit(p); b.UsedRewards != 21 {
				t.Errorf("%d are given without a ceiling", b.UsedRewards)
			}
		})
	}
}

// audit holds budget, rewards, points and coupons of a programme against one another.
func (h *house) audit(p *Programme) model.ReferralBudget {
	h.t.Helper()
	b := must(h.Get(h.t.Context(), p.ID))(h.t).Budget
	if b.LimitRewards > 0 && b.UsedRewards > b.LimitRewards || b.LimitPoints > 0 && b.UsedPoints > b.LimitPoints ||
		b.LimitCoupons > 0 && b.UsedCoupons > b.LimitCoupons || b.LimitFen > 0 && b.UsedFen > b.LimitFen {
		h.t.Errorf("over the ceiling: %+v", b)
	}
	var rows []model.ReferralReward
	h.must(h.DB.Where("programme_id = ?", p.ID).Find(&rows).Error)
	var sum model.ReferralBudget
	once := map[string]int{}
	for _, r := range rows {
		if r.State == Owed || r.State == TakenBack {
			continue
		}
		points, coupons := costs(&r)
		sum.UsedRewards, sum.UsedPoints, sum.UsedCoupons, sum.UsedFen = sum.UsedRewards+1, sum.UsedPoints+points, sum.UsedCoupons+coupons, sum.UsedFen+r.CostFen
		once[fmt.Sprint(r.Role, r.CustomerID, r.Place, r.EdgeID)]++
	}
	for who, n := range once {
		if n > 1 {
			h.t.Errorf("%s was given %d times", who, n)
		}
	}
	if sum.UsedRewards != b.UsedRewards || sum.UsedPoints != b.UsedPoints || sum.UsedCoupons != b.UsedCoupons || sum.UsedFen != b.UsedFen {
		h.t.Errorf("rewards come to %+v, the budget says %+v", sum, b)
	}
	var entries []model.PointsEntry
	h.must(h.DB.Where("source = 'referral' AND source_id = ?", p.ID).Find(&entries).Error)
	issued := int64(0)
	for _, e := range entries {
		if e.Kind == loyalty.TakeBack {
			e.Points = -e.Points
		}
		issued += e.Points
	}
	if issued != b.UsedPoints {
		h.t.Errorf("the books issued %d points, the budget says %d", issued, b.UsedPoints)
	}
	h.must(h.points.Verify(h.t.Context()))
	if n := modeltest.Count[model.Coupon](h.t, h.DB, "source_id = ?", p.ID); n != b.UsedCoupons {
		h.t.Errorf("%d coupons, the budget says %d", n, b.UsedCoupons)
	}
	return b
}

// TestAnyOrder has friends come, join, leave and be judged in random order, with two replicas at work, and holds what came of
// it against the rule.
func TestAnyOrder(t *testing.T) {
	h := newHouse(t)
	for seed := range uint64(2) {
		r := rand.New(rand.NewPCG(seed, 3))
		p := h.published(with(func(d *Definition) { d.TakeBack, d.Budget.Points, d.Until = true, 60, noon.Add(2000*day) }))
		inviters := []int64{h.customer(), h.customer(), h.customer()}
		var edges []*model.ReferralEdge
		var rels []*model.Relation
		for range 30 {
			switch r.IntN(6) {
			case 0, 1:
				e, rel := h.friend(p, inviters[r.IntN(3)])
				edges, rels = append(edges, e), append(rels, rel)
			case 2:
				h.invited(p, inviters[r.IntN(3)])
			case 3:
				if len(rels) > 0 {
					i := r.IntN(len(rels))
					h.leaves(rels[i])
					rels = append(rels[:i], rels[i+1:]...)
				}
			case 4:
				if len(edges) > 0 {
					_ = h.Decide(t.Context(), 9, edges[r.IntN(len(edges))].ID, r.IntN(2) == 0, "") // refused where it makes no sense
				}
			default:
				h.clock.Advance(4 * day)
				var both sync.WaitGroup
				for range 2 {
					both.Go(func() {
						if err := h.Tick(t.Context()); err != nil {
							t.Error(err)
						}
					})
				}
				both.Wait()
			}
		}
		h.audit(p)
		for _, inviter := range inviters {
			friends := must(countedFriends(h.DB.WithContext(t.Context()), p.ID, inviter))(t)
			for place, rows := range must(rewardsOfInviter(h.DB.WithContext(t.Context()), p.ID, inviter))(t) {
				stands := false
				for _, row := range rows {
					stands = stands || row.State != TakenBack && row.State != HandedOver
				}
				if earned := friends >= p.Steps[place].Friends; stands != earned {
					t.Errorf("seed %d: %d friends, step %d stands: %t", seed, friends, place, stands)
				}
			}
		}
	}
}

// TestCouponsRunOut: a reward that can't be given is owed, says why, and is given when it can be.
func TestCouponsRunOut(t *testing.T) {
	h := newHouse(t)
	p := h.published(with(func(d *Definition) {
		d.Ask, d.CoolOffDays, d.Invitee = AskSignIn, 0, nil
		d.Steps = []Step{{1, Prize{Kind: Coupon, Name: "券", BatchID: 7, CostFen: 100}}}
	}))
	me := h.customer()
	h.invited(p, me)
	h.soldOut = true
	h.later(0)
	list := must(h.Rewards(t.Context(), RewardFilter{ProgrammeID: p.ID, State: Owed, Limit: 10}))(t)
	if len(list) != 1 || list[0].Reason != "coupon.sold_out" || !list[0].DueAt.After(h.clock.Now()) {
		t.Fatalf("owed %+v", list)
	}
	if b := h.audit(p); b.UsedRewards != 0 {
		t.Errorf("the budget lost %+v", b)
	}
	h.soldOut = false
	h.later(retryAfter)
	if got := h.rewards(p, me); got != "coupon:given " || h.audit(p).UsedCoupons != 1 {
		t.Errorf("has %s", got)
	}
	if c := must(rewardsOf(h.DB, p.ID, me))(t)[0]; c.CouponID == 0 || c.Reason != "" {
		t.Errorf("given %+v", c)
	}
}
