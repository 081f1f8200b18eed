package wkv7_test

import (
	"errors"
	"math"
	"testing"

	wkv7 "github.com/wkv7/wkv7/bindings/go"
)

func sampler(t *testing.T, change func(*wkv7.SamplerOptions)) *wkv7.Sampler {
	t.Helper()
	options, err := open(t).DefaultSamplerOptions()
	must(t, err)
	change(&options)
	s, err := wkv7.NewSampler(options)
	must(t, err)
	t.Cleanup(s.Close)
	return s
}

func TestGreedyBannedAndBias(t *testing.T) {
	logits := []float32{1, 5, 3, 4}
	token, err := greedy(t).Sample(logits)
	must(t, err)
	equal(t, token, 1)
	banned := sampler(t, func(o *wkv7.SamplerOptions) {
		*o = o.Greedy()
		o.Banned = []uint32{1}
		o.Bias = []wkv7.Bias{{Token: 2, Bias: 10}, {Token: 3, Bias: wkv7.NeverBias()}}
	})
	token, err = banned.Sample(logits)
	must(t, err)
	equal(t, token, 2)
}

func TestASeedRepeats(t *testing.T) {
	logits := make([]float32, 256)
	draw := func(s *wkv7.Sampler) (tokens [20]uint32) {
		for i := range tokens {
			token, err := s.Sample(logits)
			must(t, err)
			tokens[i] = token
		}
		return tokens
	}
	hot := func(seed *uint64) *wkv7.Sampler {
		return sampler(t, func(o *wkv7.SamplerOptions) { o.Temperature, o.TopP, o.Seed = 1, 1, seed })
	}
	first := hot(nil)
	seed, err := first.Seed()
	must(t, err)
	drawn := draw(first)
	equal(t, draw(hot(&seed)), drawn)
	must(t, first.Reset())
	equal(t, draw(first), drawn)
}

func TestPenaltiesCountWhatIsAccepted(t *testing.T) {
	s := sampler(t, func(o *wkv7.SamplerOptions) { o.Temperature, o.TopP, o.TopK, o.Presence = 1, 1, 0, 100 })
	logits := make([]float32, 256)
	before, err := s.Probabilities(logits)
	must(t, err)
	if math.Abs(float64(before[7])-1.0/256) > 1e-6 {
		t.Fatalf("%v", before[7])
	}
	tokenizer, err := open(t).Tokenizer()
	must(t, err)
	defer tokenizer.Close()
	must(t, s.Accept(7, tokenizer))
	must(t, s.Accept(8, nil))
	after, err := s.Probabilities(logits)
	must(t, err)
	if after[7] > 1e-6 || after[8] > 1e-6 {
		t.Fatalf("%v %v", after[7], after[8])
	}
}

func TestRefusalsOfASampler(t *testing.T) {
	nan := float32(math.NaN())
	if _, err := greedy(t).Sample([]float32{nan}); !errors.Is(err, wkv7.StatusSampling) {
		t.Fatalf("%v", err)
	}
	options, err := wkv7.DefaultSamplerOptions()
	must(t, err)
	options.Temperature = -1
	if _, err := wkv7.NewSampler(options); !errors.Is(err, wkv7.StatusArgument) {
		t.Fatalf("%v", err)
	}
}
