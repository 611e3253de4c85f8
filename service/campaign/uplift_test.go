package campaign

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Newcombe (1998), Table II, gives the interval of method 10 for 56/70 − 48/80: 0.0524 to 0.3339.
func TestCompareReproducesNewcombe(t *testing.T) {
	c := compare(Arm{Members: 70, Converted: 56}, Arm{Members: 80, Converted: 48}, 1)
	if math.Abs(c.Extra-200) > 0.01 || math.Abs(c.Low-52.4) > 0.1 || math.Abs(c.High-333.9) > 0.1 || c.Verdict != More {
		t.Errorf("got %+v", c)
	}
}

func TestCompareSaysTooSmall(t *testing.T) {
	tests := []struct {
		name      string
		arm, base Arm
		want      Verdict
	}{
		{"nobody", Arm{}, Arm{}, TooSmall},
		{"no hold-out", Arm{Members: 1000, Converted: 100}, Arm{}, TooSmall},
		{"equal", Arm{Members: 1000, Converted: 50}, Arm{Members: 1000, Converted: 50}, TooSmall},
		{"few people", Arm{Members: 20, Converted: 20}, Arm{Members: 1000, Converted: 0}, TooSmall},
		{"few conversions", Arm{Members: 40, Converted: 4}, Arm{Members: 5000, Converted: 0}, TooSmall},
		{"more", Arm{Members: 10000, Converted: 600}, Arm{Members: 10000, Converted: 500}, More},
		{"less", Arm{Members: 10000, Converted: 400}, Arm{Members: 10000, Converted: 500}, Less},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := compare(tt.arm, tt.base, 1); got.Verdict != tt.want {
				t.Errorf("got %+v, want %s", got, tt.want)
			}
		})
	}
}

// A planted effect of known size is recovered, and one of zero is not found, in as many cases of 100 as the interval says.
func TestCompareFindsWhatWasPlanted(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 11))
	draw := func(n int, p float64) Arm {
		a := Arm{Members: int64(n)}
		for range n {
			if r.Float64() < p {
				a.Converted++
			}
		}
		return a
	}
	const rounds = 400
	held, found, invented := 0, 0, 0
	for range rounds {
		planted := compare(draw(20000, 0.06), draw(4000, 0.04), 1)
		if planted.Low <= 20 && planted.High >= 20 {
			held++
		}
		if planted.Verdict == More {
			found++
		}
		if compare(draw(20000, 0.04), draw(4000, 0.04), 1).Verdict != TooSmall {
			invented++
		}
	}
	if held < rounds*92/100 || found < rounds*98/100 || invented > rounds*8/100 {
		t.Errorf("of %d: interval held the truth %d times, effect found %d, effect invented %d", rounds, held, found, invented)
	}
	// Eight arms without any effect: the chance that one of them looks like one stays what it is for one alone.
	invented = 0
	for range rounds {
		base := draw(4000, 0.04)
		for range 8 {
			if compare(draw(4000, 0.04), base, 8).Verdict != TooSmall {
				invented++
				break
			}
		}
	}
	if invented > rounds*8/100 {
		t.Errorf("an effect was invented in %d of %d comparisons of eight arms", invented, rounds)
	}
}
