//go:build !race

package intake

// everyNth: all orders of events are tried.
const everyNth = 1
