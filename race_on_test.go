//go:build race

package main

// slack is by how much bounds of time are relaxed: the race detector makes everything several times
// slower.
const slack = 8
