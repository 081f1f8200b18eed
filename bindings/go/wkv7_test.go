package wkv7_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	wkv7 "github.com/wkv7/wkv7/bindings/go"
)

const prompt = "Once upon a time"

// story is how the fixture model goes on after the prompt, greedily.
const story = " there was a clever frog named Max. "

// TestMain lets the tests and examples find the fixture model: $WKV7_MODEL, or the one beside the sources.
func TestMain(m *testing.M) {
	if os.Getenv("WKV7_MODEL") == "" {
		path, err := filepath.Abs("../../tests/golden/stories.safetensors")
		if err != nil {
			panic(err)
		}
		os.Setenv("WKV7_MODEL", path)
	}
	os.Exit(m.Run())
}

func modelPath(testing.TB) string { return os.Getenv("WKV7_MODEL") }

// The fixture, opened once for all tests.
var fixture struct {
	once  sync.Once
	model *wkv7.Model
	err   error
}

func open(t testing.TB) *wkv7.Model {
	t.Helper()
	fixture.once.Do(func() {
		fixture.model, fixture.err = wkv7.Open(context.Background(), modelPath(t), nil)
	})
	must(t, fixture.err)
	return fixture.model
}

// fed is a session of the fixture that was fed the prompt.
func fed(t testing.TB) *wkv7.Session {
	t.Helper()
	session := fresh(t)
	count, err := session.FeedText(context.Background(), prompt)
	must(t, err)
	equal(t, count, len(prompt))
	return session
}

func fresh(t testing.TB) *wkv7.Session {
	t.Helper()
	session, err := open(t).NewSession()
	must(t, err)
	t.Cleanup(session.Close)
	return session
}

func greedy(t testing.TB) *wkv7.Sampler {
	t.Helper()
	options, err := wkv7.DefaultSamplerOptions()
	must(t, err)
	sampler, err := wkv7.NewSampler(options.Greedy())
	must(t, err)
	t.Cleanup(sampler.Close)
	return sampler
}

// continued is what the session generates greedily, `tokens` tokens of it.
func continued(t testing.TB, session *wkv7.Session, tokens int) string {
	t.Helper()
	var text strings.Builder
	options := &wkv7.GenerateOptions{MaxTokens: tokens, Sampler: greedy(t)}
	_, err := session.GenerateTo(context.Background(), &text, options)
	must(t, err)
	return text.String()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[T comparable](t testing.TB, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("got %v, want %v", got, want)
	}
}
