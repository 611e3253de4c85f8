//go:build !race

package main

import "testing"

// slack is by how much bounds of time are relaxed: not at all.
const slack = 1

// unwatched is a binary of the command without the race detector: this one.
func unwatched(t testing.TB) string { return self(t) }
