// What the Go files of this package need of C beside wkv7.h: callbacks that hand a cgo.Handle to Go. The handle travels
// as a uintptr_t, because Go must not hold a small number in a pointer.

#ifndef WKV7_GO_SHIM_H
#define WKV7_GO_SHIM_H

#include <stdlib.h>
#include <wkv7.h>

// In callbacks.go.
extern int32_t wkv7GoProgress(uintptr_t user, uint64_t done, uint64_t total);
extern void wkv7GoRelease(uintptr_t user);
extern int32_t wkv7GoPiece(uintptr_t user, wkv7_piece *piece);
extern int32_t wkv7GoTuneStep(uintptr_t user, wkv7_tune_progress *progress);
extern void wkv7GoLog(uintptr_t user, int32_t level, char *message, size_t len);

static inline int32_t wkv7_go_progress(void *user, uint64_t done, uint64_t total) {
    return wkv7GoProgress((uintptr_t)user, done, total);
}

static inline void wkv7_go_release(void *user, const void *data, size_t len) {
    (void)data;
    (void)len;
    wkv7GoRelease((uintptr_t)user);
}

static inline int32_t wkv7_go_piece(void *user, const wkv7_piece *piece) {
    return wkv7GoPiece((uintptr_t)user, (wkv7_piece *)piece);
}

static inline int32_t wkv7_go_tune_step(void *user, const wkv7_tune_progress *progress) {
    return wkv7GoTuneStep((uintptr_t)user, (wkv7_tune_progress *)progress);
}

static inline void wkv7_go_log(void *user, int32_t level, const char *message, size_t len) {
    wkv7GoLog((uintptr_t)user, level, (char *)message, len);
}

static inline void wkv7_go_set_progress(wkv7_model_options *options, uintptr_t user) {
    options->progress = wkv7_go_progress;
    options->progress_user = (void *)user;
}

static inline wkv7_status wkv7_go_model_from_shared(const void *data, size_t len, uintptr_t user,
                                                    const wkv7_model_options *options, wkv7_model **model) {
    return wkv7_model_from_memory(data, len, wkv7_go_release, (void *)user, options, model);
}

static inline wkv7_status wkv7_go_session_generate(wkv7_session *session, wkv7_sampler *sampler,
                                                   const wkv7_generate_options *options, uintptr_t user,
                                                   wkv7_generation_result *result) {
    return wkv7_session_generate(session, sampler, options, wkv7_go_piece, (void *)user, result);
}

static inline wkv7_status wkv7_go_model_tune_state(const wkv7_model *model, const wkv7_tune_pair *pairs, size_t count,
                                                   const wkv7_tune_options *options, uintptr_t user,
                                                   wkv7_state **state) {
    return wkv7_model_tune_state(model, pairs, count, options, wkv7_go_tune_step, (void *)user, state);
}

static inline wkv7_status wkv7_go_log_start(int32_t level, uintptr_t user) {
    return wkv7_log(level, wkv7_go_log, (void *)user);
}

static inline wkv7_status wkv7_go_log_end(void) { return wkv7_log(WKV7_LOG_OFF, NULL, NULL); }

#endif
