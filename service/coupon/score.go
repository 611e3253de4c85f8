package coupon

import (
	"crypto/hmac"
	"crypto/sha256"
	"time"

	"zhiyin/model"
)

// Signal is a sign of fraud that adds to the score of an issue. Its name is data.
type Signal struct {
	Name   string
	Zh, En string
	Points int
}

// signal is one, with when it is seen.
type signal struct {
	Signal
	seen func(f *signs) bool
}

// signs is what is known about who asks.
type signs struct {
	devices  int64 // coupons of the batch that the device has had
	device   int64 // coupons that the device has had lately, of all batches that look at devices, as the next
	address  int64
	customer int64 // coupons that the customer has taken lately, of all batches
	returned int64 // orders with coupons that the customer gave back lately
}

// How far back signs are looked for.
const (
	burstWindow  = 10 * time.Minute
	returnWindow = 90 * 24 * time.Hour
)

// signals is the one table of what makes an issue suspicious.
var signals = []signal{
	{Signal{"device_again", "同一设备已领过该券", "The device has had this coupon", 40}, func(f *signs) bool { return f.devices >= 1 }},
	{Signal{"device_many", "同一设备多次领取该券", "The device has had this coupon several times", 40}, func(f *signs) bool { return f.devices >= 3 }},
	{Signal{"address_burst", "同一网络地址短时间大量领取", "Many were taken from the address within minutes", 30}, func(f *signs) bool { return f.address >= 20 }},
	{Signal{"device_burst", "同一设备短时间大量领取", "Many were taken on the device within minutes", 30}, func(f *signs) bool { return f.device >= 20 }},
	{Signal{"customer_burst", "同一客户短时间大量领取", "The customer has taken many within minutes", 30}, func(f *signs) bool { return f.customer >= 20 }},
	{Signal{"returns", "多次用券后退款", "Orders with coupons were given back several times", 50}, func(f *signs) bool { return f.returned >= 3 }},
}

// Signals lists what adds to the score of an issue.
func Signals() []Signal {
	list := make([]Signal, len(signals))
	for i, s := range signals {
		list[i] = s.Signal
	}
	return list
}

// origins is what is known of where the requests for a batch come from.
type origins struct {
	kept      bool // the batch asks for it
	devices   map[hash]int64
	onDevice  map[hash]int64 // lately, as the next two
	addresses map[hash]int64
	took      map[int64]int64
	returned  map[int64]int64
}

// traced is a hash of a device or an address, keyed, since there are few addresses.
func traced(key []byte, what, text string) (h hash) {
	if text == "" {
		return h
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(what + "\x00" + text))
	copy(h[:], mac.Sum(nil))
	return h
}

func (in *IssueInput) device(key []byte) hash  { return traced(key, "device", in.Device) }
func (in *IssueInput) address(key []byte) hash { return traced(key, "address", in.Address) }

// traces tells whether it matters from where the coupons of a batch are taken.
func (o *offer) traces() bool { return o.PerDevice > 0 || o.ReviewAt > 0 }

// origins reads what the signs of the requests for a batch follow from, where the batch asks for it.
func (g *issuing) origins(b *batchIssue, list []*asking) (o origins, err error) {
	o = origins{kept: b.traces(), devices: map[hash]int64{}, onDevice: map[hash]int64{}, addresses: map[hash]int64{}, took: map[int64]int64{}}
	if !o.kept {
		return o, nil
	}
	var customers []int64
	devices, addresses := map[hash]bool{}, map[hash]bool{}
	for _, a := range list {
		customers = append(customers, a.in.CustomerID)
		devices[a.in.device(g.s.Key)], addresses[a.in.address(g.s.Key)] = true, true
	}
	delete(devices, hash{})
	delete(addresses, hash{})
	if o.devices, err = devicesHad(g.tx, b.ID, devices, b.Transferable, 0); err != nil || b.ReviewAt == 0 {
		return o, err
	}
	since := g.now.Add(-burstWindow)
	if o.onDevice, err = originsLately(g.tx, "device", devices, since); err != nil {
		return o, err
	}
	if o.addresses, err = originsLately(g.tx, "address", addresses, since); err != nil {
		return o, err
	}
	if o.took, err = tookLately(g.tx, customers, since); err != nil {
		return o, err
	}
	o.returned, err = returnsOf(g.tx, customers, g.now.Add(-returnWindow))
	return o, err
}

// score adds up the signs of a request.
func (o *origins) score(in *IssueInput, key []byte) (points int) {
	if !o.kept {
		return 0
	}
	d := in.device(key)
	f := signs{devices: o.devices[d], device: o.onDevice[d], address: o.addresses[in.address(key)], returned: o.returned[in.CustomerID]}
	if in.taken() {
		f.customer = o.took[in.CustomerID]
	}
	for _, s := range signals {
		if s.seen(&f) {
			points += s.Points
		}
	}
	return points
}

// add counts a request that was granted.
func (o *origins) add(in *IssueInput, key []byte) {
	if d := in.device(key); o.kept && d != (hash{}) {
		o.devices[d]++
		o.onDevice[d]++
	}
	if a := in.address(key); o.kept && a != (hash{}) {
		o.addresses[a]++
	}
	if o.kept && in.taken() {
		o.took[in.CustomerID]++
	}
}

// row is what is kept of where a coupon was taken from; nil: nothing.
func (o *origins) row(a *asking, now time.Time, key []byte) *model.CouponOrigin {
	d, from := a.in.device(key), a.in.address(key)
	if !o.kept || d == (hash{}) && from == (hash{}) {
		return nil
	}
	r := &model.CouponOrigin{CouponID: a.out.coupon.ID, BatchID: a.batchID, At: now}
	if d != (hash{}) {
		r.Device = d[:]
	}
	if from != (hash{}) {
		r.Address = from[:]
	}
	return r
}
