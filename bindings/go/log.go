package wkv7

// #include "shim.h"
import "C"

import (
	"strings"
	"sync"
	"sync/atomic"
)

// LogLevel is how much a message matters.
type LogLevel int32

// The levels. Later versions may add more between or after them.
const (
	LogOff   LogLevel = C.WKV7_LOG_OFF   // as a limit: no messages
	LogError LogLevel = C.WKV7_LOG_ERROR // something failed that no error tells
	LogWarn  LogLevel = C.WKV7_LOG_WARN  // something is not as it should be
	LogInfo  LogLevel = C.WKV7_LOG_INFO  // what was opened, and how
	LogDebug LogLevel = C.WKV7_LOG_DEBUG // for whoever looks for a fault
	LogTrace LogLevel = C.WKV7_LOG_TRACE // everything
)

var (
	logLock sync.Mutex
	// A message may still be on its way when the function is changed, so the function is found here and not through a
	// cgo.Handle, which would be gone.
	logFunction atomic.Pointer[func(LogLevel, string)]
)

// SetLog sends the messages of the whole process's library up to level to f, which is called from any goroutine, also
// from several at once, and must not panic or call SetLog. A nil f or LogOff ends it. Nothing is logged before.
func SetLog(level LogLevel, f func(level LogLevel, message string)) error {
	logLock.Lock()
	defer logLock.Unlock()
	if f == nil || level == LogOff {
		err := check(func() C.wkv7_status { return C.wkv7_go_log_end() })
		if err == nil {
			logFunction.Store(nil)
		}
		return err
	}
	// The message is the library's only for the time of the call.
	keep := func(level LogLevel, message string) { f(level, strings.Clone(message)) }
	before := logFunction.Swap(&keep)
	err := check(func() C.wkv7_status { return C.wkv7_go_log_start(C.int32_t(level), 0) })
	if err != nil {
		logFunction.Store(before)
	}
	return err
}
