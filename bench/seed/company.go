package seed

const (
	corpID      = "wwseed000000000001"
	departments = 12
)

// The small tables: what there is before any customer comes.

func (w *world) begin() int64 { return w.until - 1200*day }

func (w *world) writeAccount(s *sheet, _ *dice) {
	s.int(1)
	s.text("wecom", "seed", "知音演示企业", corpID)
	s.int(1_000_002)
	s.bool(false) // it has no credentials
	s.time(w.begin(), w.begin())
	s.end()
}

func (w *world) writeDepartments(s *sheet, _ *dice) {
	for i := range departments {
		s.int(int64(i+1), 1, int64(i+1), int64(min(i, 1)))
		s.text(number("门店", i))
		s.int(int64(100 - i))
		s.time(w.begin(), w.begin())
		s.end()
	}
}

func (w *world) writeStaff(s *sheet, _ *dice) {
	for i := range staffs {
		s.int(int64(i+1), 1)
		s.text(number("seed", i+1), families[i%len(families)]+givens[i%len(givens)], "", "", "导购")
		s.int(int64(i%departments+1), 1)
		s.bool(true)
		s.bool(false)
		s.time(w.begin(), w.begin())
		s.end()
	}
}

func (w *world) writeStaffDepartments(s *sheet, _ *dice) {
	for i := range staffs {
		s.int(int64(i+1), int64(i+1), int64(i%departments+1))
		s.bool(i < departments)
		s.end()
	}
}

func (w *world) writeTagGroups(s *sheet, _ *dice) {
	for i := range tagGroups {
		s.int(int64(i+1), 1, 0)
		s.text(number("标签组", i+1))
		s.int(int64(100 - i))
		s.text("synced", "")
		s.time(w.begin(), w.begin())
		s.end()
	}
}

func (w *world) writeTagNames(s *sheet, _ *dice) {
	for i := range tags {
		s.int(int64(i+1), 1, int64(i%tagGroups+1), 0)
		s.text(number("标签", i+1))
		s.int(int64(tags - i))
		s.text("synced", "")
		s.time(w.begin(), w.begin())
		s.end()
	}
}

func (w *world) writeGroups(s *sheet, _ *dice) {
	for i := range w.groups {
		s.int(int64(i+1), 1)
		s.text(number("wrSeed", i+1), number("客户群", i+1), "", number("seed", i%staffs+1))
		s.int(int64(i%staffs + 1))
		s.text("1")
		s.int(100, 99)
		s.time(w.begin())
		s.int(0, 1)
		s.time(w.begin(), w.begin())
		s.end()
	}
}

func (w *world) writeCategories(s *sheet, _ *dice) {
	for i := range categories {
		parent := 0
		if i >= 10 {
			parent = i%10 + 1
		}
		s.int(int64(i + 1))
		s.text(number("c", i+1))
		s.int(int64(parent))
		s.text(number("分类", i+1))
		s.int(w.begin())
		s.time(w.begin(), w.begin())
		s.end()
	}
}

func categoryOf(product int) int64 { return int64(product%categories + 1) }

// priceOf is between 9.9 and 999 yuan.
func priceOf(product int) int64 { return 990 + int64(mix(uint64(product))%100)*int64(1+product%10)*99 }

func (w *world) writeProducts(s *sheet, _ *dice) {
	for i := range products {
		s.int(int64(i + 1))
		s.text(number("p", i+1), number("商品", i+1))
		s.int(categoryOf(i), priceOf(i))
		s.text("", number("/pages/product?id=", i+1), "on_sale")
		s.int(w.begin())
		s.time(w.begin(), w.begin())
		s.end()
	}
}
