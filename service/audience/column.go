package audience

import "math"

// null stands for a value that there is not.
const null = math.MinInt64

// column keeps one number per customer; times are ms since 1970. It is narrow, four bytes each, until a number needs more.
type column struct {
	narrow []int32
	wide   []int64
}

const narrowNull = math.MinInt32

func (c *column) of(ord uint32) int64 {
	switch {
	case c.wide != nil:
		if int(ord) < len(c.wide) {
			return c.wide[ord]
		}
	case int(ord) < len(c.narrow):
		if v := c.narrow[ord]; v != narrowNull {
			return int64(v)
		}
	}
	return null
}

func (c *column) set(ord uint32, v int64) {
	if c.wide == nil && v != null && (v <= narrowNull || v > math.MaxInt32) {
		c.widen()
	}
	if c.wide != nil {
		for len(c.wide) <= int(ord) {
			c.wide = append(c.wide, null)
		}
		c.wide[ord] = v
		return
	}
	for len(c.narrow) <= int(ord) {
		c.narrow = append(c.narrow, narrowNull)
	}
	if v == null {
		v = narrowNull
	}
	c.narrow[ord] = int32(v)
}

func (c *column) widen() {
	c.wide = make([]int64, len(c.narrow), max(cap(c.narrow), 1))
	for i := range c.wide {
		c.wide[i] = null
		if v := c.narrow[i]; v != narrowNull {
			c.wide[i] = int64(v)
		}
	}
	c.narrow = nil
}

func (c *column) bytes() int { return 4*cap(c.narrow) + 8*cap(c.wide) }
