package wkv7_test

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	wkv7 "github.com/wkv7/wkv7/bindings/go"
)

func TestTheLibraryFitsTheHeader(t *testing.T) {
	equal(t, wkv7.ABIVersion(), wkv7.HeaderABIVersion)
	build, err := wkv7.Build()
	must(t, err)
	equal(t, build.Version, wkv7.Version())
	equal(t, build.ABIVersion, wkv7.ABIVersion())
	if wkv7.VersionNumber() == 0 || strings.Count(wkv7.Version(), ".") != 2 {
		t.Fatalf("version %q, number %d", wkv7.Version(), wkv7.VersionNumber())
	}
	for _, feature := range build.Features {
		equal(t, wkv7.HasFeature(feature), true)
	}
	equal(t, wkv7.HasFeature("no such feature"), false)
}

func TestBackendsAndDevicesAreListed(t *testing.T) {
	backends, err := wkv7.Backends()
	must(t, err)
	if !slices.Contains(backends, "cpu") {
		t.Fatalf("no cpu among %q", backends)
	}
	devices, err := wkv7.Devices()
	must(t, err)
	if !wkv7.HasFeature("wgpu") && len(devices) != 0 {
		t.Fatalf("devices without a backend: %v", devices)
	}
}

func TestAStatusIsAnErrorInWords(t *testing.T) {
	_, err := wkv7.OpenTokenizer("/no/such/vocabulary")
	if !errors.Is(err, wkv7.StatusIO) || errors.Is(err, wkv7.StatusFile) {
		t.Fatalf("not an input error: %v", err)
	}
	var refusal *wkv7.Error
	if !errors.As(err, &refusal) || !strings.Contains(refusal.Text, "/no/such/vocabulary") {
		t.Fatalf("the text does not name the file: %v", err)
	}
	if text := wkv7.StatusIO.Error(); !strings.HasPrefix(text, "wkv7: ") || len(text) < 10 {
		t.Fatalf("status text %q", text)
	}
}

func TestMessagesAreLogged(t *testing.T) {
	var messages atomic.Int64
	must(t, wkv7.SetLog(wkv7.LogTrace, func(level wkv7.LogLevel, message string) {
		if level != wkv7.LogOff && message != "" {
			messages.Add(1)
		}
	}))
	model, err := wkv7.Open(t.Context(), modelPath(t), nil)
	must(t, err)
	model.Close()
	must(t, wkv7.SetLog(wkv7.LogOff, nil))
	if messages.Load() == 0 {
		t.Fatal("opening a model logged nothing")
	}
}
