/* What the C tests share: checks that say where, and the fixture model. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wkv7.h>

#define CHECK(condition, ...)                                                                                          \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition);                                            \
            fprintf(stderr, __VA_ARGS__);                                                                              \
            fprintf(stderr, " (last error: %s)\n", wkv7_last_error());                                                 \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

/* A call that must succeed. */
#define OK(call)                                                                                                       \
    do {                                                                                                               \
        wkv7_status status_ = (call);                                                                                  \
        CHECK(status_ == WKV7_OK, "%s answered %d", #call, (int)status_);                                              \
    } while (0)

/* A call that must fail in one way. */
#define FAILS(expected, call)                                                                                          \
    do {                                                                                                               \
        wkv7_status status_ = (call);                                                                                  \
        CHECK(status_ == (expected), "%s answered %d", #call, (int)status_);                                           \
        CHECK(wkv7_last_error()[0] != '\0', "%s left no text", #call);                                                 \
    } while (0)

static inline const char *model_path(void) {
    const char *path = getenv("WKV7_MODEL");
    if (path == NULL) {
        fprintf(stderr, "set WKV7_MODEL to the path of a model\n");
        exit(2);
    }
    return path;
}

static inline wkv7_model *open_model(const wkv7_model_options *options) {
    wkv7_model *model = NULL;
    OK(wkv7_model_open(model_path(), WKV7_NUL_TERMINATED, options, &model));
    return model;
}

/* Always the most likely token. */
static inline wkv7_sampler *greedy(void) {
    wkv7_sampler_options options;
    wkv7_sampler *sampler = NULL;
    OK(wkv7_sampler_options_init(&options, sizeof options, NULL));
    options.temperature = options.presence = options.frequency = 0;
    OK(wkv7_sampler_new(&options, &sampler));
    return sampler;
}

#endif
