package wkv7

// #include "shim.h"
import "C"

import (
	"math"
	"runtime"
	"unsafe"
)

// Bias is what is added to the logit of a token.
type Bias struct {
	Token uint32  // the token
	Bias  float32 // a finite number, or minus infinity
}

// SamplerOptions say how tokens are chosen. Their defaults are not zeros: begin with [DefaultSamplerOptions] or
// [Model.DefaultSamplerOptions].
type SamplerOptions struct {
	// Temperature above 1 flattens the distribution, below 1 sharpens it; it acts after all cuts. 0 is greedy: the most
	// likely token, the lowest id among equals.
	Temperature float32
	TopP        float32 // keeps the most likely tokens that together reach this probability; 1 cuts nothing
	MinP        float32 // drops tokens less likely than this part of the most likely one; 0 cuts nothing
	TypicalP    float32 // locally typical sampling; 1 cuts nothing
	TopK        int     // keeps this many most likely tokens; 0 cuts nothing
	Presence    float32 // taken from the logit of every token generated before
	Frequency   float32 // taken from a token's logit as often as it was generated before
	// PenaltyDecay is what a past occurrence is worth after each further token.
	PenaltyDecay float32
	Seed         *uint64  // makes a run repeatable; nil takes a new seed each time
	Banned       []uint32 // tokens never sampled
	Bias         []Bias   // added to the logits of single tokens
}

// Greedy is o without chance and penalties: the most likely token, always.
func (o SamplerOptions) Greedy() SamplerOptions {
	o.Temperature, o.Presence, o.Frequency = 0, 0, 0
	return o
}

// DefaultSamplerOptions are those of the official pipeline.
func DefaultSamplerOptions() (SamplerOptions, error) { return defaultSampler(nil) }

// DefaultSamplerOptions are those of the model.
func (m *Model) DefaultSamplerOptions() (SamplerOptions, error) {
	if err := m.enter(); err != nil {
		return SamplerOptions{}, err
	}
	defer m.leave()
	return defaultSampler(m.object())
}

func defaultSampler(model *C.wkv7_model) (SamplerOptions, error) {
	o, err := initSampler(model)
	if err != nil {
		return SamplerOptions{}, err
	}
	options := SamplerOptions{
		Temperature:  float32(o.temperature),
		TopP:         float32(o.top_p),
		MinP:         float32(o.min_p),
		TypicalP:     float32(o.typical_p),
		TopK:         int(o.top_k),
		Presence:     float32(o.presence),
		Frequency:    float32(o.frequency),
		PenaltyDecay: float32(o.penalty_decay),
	}
	if o.seeded != 0 {
		seed := uint64(o.seed)
		options.Seed = &seed
	}
	return options, nil
}

func initSampler(model *C.wkv7_model) (C.wkv7_sampler_options, error) {
	var o C.wkv7_sampler_options
	err := check(func() C.wkv7_status {
		return C.wkv7_sampler_options_init(&o, C.sizeof_wkv7_sampler_options, model)
	})
	return o, err
}

// Sampler chooses tokens; it remembers those that it accepted, for the penalties. It is for one goroutine at a time.
type Sampler struct {
	*handle
	token C.uint32_t // where the library writes, so that sampling allocates nothing
}

func (s *Sampler) object() *C.wkv7_sampler { return (*C.wkv7_sampler)(s.handle.object) }

// NewSampler is a sampler that has accepted nothing yet.
func NewSampler(options SamplerOptions) (*Sampler, error) {
	o, err := initSampler(nil)
	if err != nil {
		return nil, err
	}
	if options.TopK < 0 {
		return nil, &Error{Status: StatusArgument, Text: "top k below 0"}
	}
	o.temperature = C.float(options.Temperature)
	o.top_p = C.float(options.TopP)
	o.min_p = C.float(options.MinP)
	o.typical_p = C.float(options.TypicalP)
	o.top_k = C.size_t(options.TopK)
	o.presence = C.float(options.Presence)
	o.frequency = C.float(options.Frequency)
	o.penalty_decay = C.float(options.PenaltyDecay)
	o.seeded = flag(options.Seed != nil)
	if options.Seed != nil {
		o.seed = C.uint64_t(*options.Seed)
	}
	var pinner runtime.Pinner
	defer pinner.Unpin()
	o.banned = (*C.uint32_t)(pinnedArray(&pinner, options.Banned))
	o.banned_count = C.size_t(len(options.Banned))
	bias := make([]C.wkv7_bias, len(options.Bias))
	for i, b := range options.Bias {
		bias[i] = C.wkv7_bias{token: C.uint32_t(b.Token), bias: C.float(b.Bias)}
	}
	o.bias = (*C.wkv7_bias)(pinnedArray(&pinner, bias))
	o.bias_count = C.size_t(len(bias))

	var object *C.wkv7_sampler
	if err := check(func() C.wkv7_status { return C.wkv7_sampler_new(&o, &object) }); err != nil {
		return nil, err
	}
	s := &Sampler{}
	s.handle = own(s, unsafe.Pointer(object), func(p unsafe.Pointer) { C.wkv7_sampler_free((*C.wkv7_sampler)(p)) })
	return s, nil
}

// Close frees the sampler. A generation that uses it keeps it.
func (s *Sampler) Close() { s.close() }

// Sample chooses a token. It counts for the penalties once it is accepted.
func (s *Sampler) Sample(logits []float32) (uint32, error) {
	if err := s.enter(); err != nil {
		return 0, err
	}
	defer s.leave()
	err := check(func() C.wkv7_status {
		return C.wkv7_sampler_sample(s.object(), floats(logits), C.size_t(len(logits)), &s.token)
	})
	return uint32(s.token), err
}

// Accept counts a token for the penalties. With a tokenizer, which may be nil, digits and the like are free of the
// frequency penalty, as in the official pipeline.
func (s *Sampler) Accept(token uint32, tokenizer *Tokenizer) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	var vocabulary *C.wkv7_tokenizer
	if tokenizer != nil {
		if err := tokenizer.enter(); err != nil {
			return err
		}
		defer tokenizer.leave()
		vocabulary = tokenizer.object()
	}
	return check(func() C.wkv7_status {
		return C.wkv7_sampler_accept(s.object(), C.uint32_t(token), vocabulary)
	})
}

// Probabilities are what [Sampler.Sample] would draw from, one for each logit.
func (s *Sampler) Probabilities(logits []float32) ([]float32, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()
	probabilities := make([]float32, len(logits))
	err := check(func() C.wkv7_status {
		return C.wkv7_sampler_probabilities(
			s.object(), floats(logits), C.size_t(len(logits)), floats(probabilities))
	})
	if err != nil {
		return nil, err
	}
	return probabilities, nil
}

// Reset forgets what was accepted and starts the seed's sequence anew.
func (s *Sampler) Reset() error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	return check(func() C.wkv7_status { return C.wkv7_sampler_reset(s.object()) })
}

// Seed is the seed in use: give it to another sampler to repeat the run.
func (s *Sampler) Seed() (uint64, error) {
	if err := s.enter(); err != nil {
		return 0, err
	}
	defer s.leave()
	var seed C.uint64_t
	err := check(func() C.wkv7_status { return C.wkv7_sampler_seed(s.object(), &seed) })
	return uint64(seed), err
}

// NeverBias is the bias of a token that must not be sampled.
func NeverBias() float32 { return float32(math.Inf(-1)) }
