// Command chat talks with a model in the terminal: chat MODEL. Control-C ends an answer, control-D the conversation.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"

	wkv7 "github.com/wkv7/wkv7/bindings/go"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: chat MODEL")
		os.Exit(2)
	}
	if err := chat(os.Args[1], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "chat:", err)
		os.Exit(1)
	}
}

func chat(path string, from io.Reader, to io.Writer) error {
	model, err := wkv7.Open(context.Background(), path, nil)
	if err != nil {
		return err
	}
	defer model.Close()
	session, err := model.NewSession()
	if err != nil {
		return err
	}
	defer session.Close()
	template := wkv7.Chat{Think: "off"}
	stops, err := template.Stops()
	if err != nil {
		return err
	}
	options := &wkv7.GenerateOptions{MaxTokens: 1000, Stop: stops}

	input := bufio.NewScanner(from)
	for first := true; ; first = false {
		fmt.Fprint(to, "> ")
		if !input.Scan() {
			fmt.Fprintln(to)
			return input.Err()
		}
		said := wkv7.Message{Role: wkv7.RoleUser, Text: input.Text()}
		var text string
		if first {
			text, err = template.Render([]wkv7.Message{said})
		} else {
			text, err = template.Turn(said)
		}
		if err != nil {
			return err
		}
		if err := answer(session, text, options, to); err != nil {
			return err
		}
	}
}

// answer feeds the text and writes what follows, until it ends or control-C is pressed.
func answer(session *wkv7.Session, text string, options *wkv7.GenerateOptions, to io.Writer) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	_, err := session.FeedText(ctx, text)
	if err == nil {
		_, err = session.GenerateTo(ctx, to, options)
	}
	fmt.Fprintln(to)
	if errors.Is(err, wkv7.StatusCancelled) {
		return nil
	}
	return err
}
