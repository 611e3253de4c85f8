//go:build race

package intake

// everyNth: one in so many orders of events is tried under the race detector, which makes each some
// ten times slower and looks for something else.
const everyNth = 8
