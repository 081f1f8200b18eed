// Command decode prints the seconds that N greedy steps take after "Once upon a time", the fastest of three runs: feed a
// token, sample the next from the logits. The model is $WKV7_MODEL. It is for measuring what the language boundary costs.
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	wkv7 "github.com/wkv7/wkv7/bindings/go"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "decode:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("expected the number of steps")
	}
	steps, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	model, err := wkv7.Open(context.Background(), os.Getenv("WKV7_MODEL"), nil)
	if err != nil {
		return err
	}
	defer model.Close()
	fastest := time.Duration(0)
	for run := range 3 {
		took, err := decode(model, steps)
		if err != nil {
			return err
		}
		if run == 0 || took < fastest {
			fastest = took
		}
	}
	fmt.Println(fastest.Seconds())
	return nil
}

func decode(model *wkv7.Model, steps int) (time.Duration, error) {
	ctx := context.Background()
	session, err := model.NewSession()
	if err != nil {
		return 0, err
	}
	defer session.Close()
	options, err := wkv7.DefaultSamplerOptions()
	if err != nil {
		return 0, err
	}
	sampler, err := wkv7.NewSampler(options.Greedy())
	if err != nil {
		return 0, err
	}
	defer sampler.Close()
	if _, err := session.FeedText(ctx, "Once upon a time"); err != nil {
		return 0, err
	}
	next := make([]uint32, 1)
	sample := func() (err error) {
		logits, err := session.LogitsView()
		if err == nil {
			next[0], err = sampler.Sample(logits)
		}
		return err
	}
	if err := sample(); err != nil {
		return 0, err
	}
	begun := time.Now()
	for range steps {
		if err := session.Feed(ctx, next); err != nil {
			return 0, err
		}
		if err := sample(); err != nil {
			return 0, err
		}
	}
	return time.Since(begun), nil
}
