//go:build !race

package main

// slack is by how much bounds of time are relaxed: not at all.
const slack = 1
