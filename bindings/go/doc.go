// Package wkv7 runs RWKV-7 language models through the C library libwkv7.
//
// A [Model] is a loaded checkpoint; any number of goroutines may use one. A [Session] is one sequence of tokens and all
// that it remembers; feed it text, then let it generate:
//
//	model, err := wkv7.Open(ctx, "model.safetensors", nil)
//	if err != nil {
//		return err
//	}
//	defer model.Close()
//	session, err := model.NewSession()
//	if err != nil {
//		return err
//	}
//	defer session.Close()
//	if _, err := session.FeedText(ctx, "Once upon a time"); err != nil {
//		return err
//	}
//	_, err = session.GenerateTo(ctx, os.Stdout, nil)
//	return err
//
// # Building
//
// The package asks pkg-config for wkv7. Where the library is not in the system's folders, name its own at build time
// with PKG_CONFIG_PATH=DIR/lib/pkgconfig, and at run time with LD_LIBRARY_PATH=DIR/lib.
//
// # Handles
//
// Everything with a Close method holds memory of the library. Close it; the garbage collector does it for what was
// forgotten, but sees only the few bytes on Go's side and may take its time. Close may be called twice, in any order, and
// while another goroutine is inside a call: the memory goes when that call returns. A closed handle answers [ErrClosed].
//
// # Goroutines
//
// Models and tokenizers may be used by many goroutines at once. Every other handle is for one goroutine at a time, which
// may be another one for each call; whoever comes second gets [StatusBusy]. [Session.Cancel] may be called at any time.
//
// # Errors
//
// A refusal of the library is an [*Error] with its [Status] and the whole story as text. Compare with
// errors.Is(err, wkv7.StatusFile). A call that a context ended answers both errors.Is(err, wkv7.StatusCancelled) and
// errors.Is(err, context.Canceled), or whatever the context's cause is.
//
// # Views
//
// Methods named View return memory of the library without copying it; each says how long it lives. All other slices and
// strings are copies.
package wkv7
