/* A program that was compiled against an earlier header, in which the structs ended earlier. It must go on working: so
 * this file never changes, includes no header of ours, and declares what it used to know. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *data;
    size_t len;
} wkv7_text;

typedef struct {
    size_t struct_size;
    wkv7_text backend;
    wkv7_text tokenizer;
} wkv7_model_options;

typedef struct {
    size_t struct_size;
    size_t layers, channels, heads, head_size, ffn, vocab;
} wkv7_model_info;

typedef struct {
    size_t struct_size;
    float temperature, top_p, min_p, typical_p, presence, frequency, penalty_decay;
} wkv7_sampler_options;

typedef struct {
    size_t struct_size;
    size_t max_tokens;
} wkv7_generate_options;

typedef struct {
    size_t struct_size;
    int32_t reason;
    uint32_t stop_token;
    size_t stop_index;
} wkv7_generation_result;

typedef struct {
    const char *text;
    size_t text_len;
    uint32_t token;
    float log_probability;
} wkv7_piece;

typedef struct wkv7_model wkv7_model;
typedef struct wkv7_session wkv7_session;
typedef struct wkv7_sampler wkv7_sampler;

int32_t wkv7_model_options_init(wkv7_model_options *options, size_t struct_size);
int32_t wkv7_model_open(const char *path, size_t path_len, const wkv7_model_options *options, wkv7_model **model);
int32_t wkv7_model_get_info(const wkv7_model *model, wkv7_model_info *info);
void wkv7_model_free(wkv7_model *model);
int32_t wkv7_session_new(const wkv7_model *model, wkv7_session **session);
int32_t wkv7_session_feed_text(wkv7_session *session, const char *text, size_t text_len, size_t *count);
void wkv7_session_free(wkv7_session *session);
int32_t wkv7_sampler_options_init(wkv7_sampler_options *options, size_t struct_size, const wkv7_model *model);
int32_t wkv7_sampler_new(const wkv7_sampler_options *options, wkv7_sampler **sampler);
void wkv7_sampler_free(wkv7_sampler *sampler);
int32_t wkv7_generate_options_init(wkv7_generate_options *options, size_t struct_size);
int32_t wkv7_session_generate(wkv7_session *session, wkv7_sampler *sampler, const wkv7_generate_options *options,
                              int32_t (*callback)(void *user, const wkv7_piece *piece), void *user,
                              wkv7_generation_result *result);
const char *wkv7_last_error(void);

/* What the caller knows of a struct, and a fence behind it that the library must not touch. */
#define FENCED(type)                                                                                                   \
    struct {                                                                                                           \
        type known;                                                                                                    \
        unsigned char fence[64];                                                                                       \
    }
#define SET_UP(fenced) memset(&(fenced), 0xa5, sizeof(fenced))
#define STANDS(fenced) stands((fenced).fence, #fenced)

static void stands(const unsigned char *fence, const char *name) {
    for (size_t i = 0; i < 64; i++) {
        if (fence[i] != 0xa5) {
            fprintf(stderr, "the library wrote behind %s\n", name);
            exit(1);
        }
    }
}

static void ok(int32_t status, const char *call) {
    if (status != 0) {
        fprintf(stderr, "%s answered %d: %s\n", call, (int)status, wkv7_last_error());
        exit(1);
    }
}

#define OK(call) ok((call), #call)

static int32_t print(void *user, const wkv7_piece *piece) {
    *(size_t *)user += 1;
    printf("%u%s", (unsigned)piece->token, *(size_t *)user < 64 ? " " : "\n");
    return 0;
}

int main(void) {
    FENCED(wkv7_model_options) options;
    FENCED(wkv7_model_info) info;
    FENCED(wkv7_sampler_options) sampling;
    FENCED(wkv7_generate_options) generating;
    FENCED(wkv7_generation_result) result;
    wkv7_model *model = NULL;
    wkv7_session *session = NULL;
    wkv7_sampler *sampler = NULL;
    size_t pieces = 0;
    const char *path = getenv("WKV7_MODEL");
    if (path == NULL) {
        fprintf(stderr, "set WKV7_MODEL to the path of a model\n");
        return 2;
    }
    SET_UP(options), SET_UP(info), SET_UP(sampling), SET_UP(generating), SET_UP(result);
    OK(wkv7_model_options_init(&options.known, sizeof options.known));
    OK(wkv7_model_open(path, strlen(path), &options.known, &model));
    info.known.struct_size = sizeof info.known;
    OK(wkv7_model_get_info(model, &info.known));
    if (info.known.vocab != 256 || info.known.channels != info.known.heads * info.known.head_size) {
        fprintf(stderr, "vocabulary %zu, channels %zu\n", info.known.vocab, info.known.channels);
        return 1;
    }
    OK(wkv7_session_new(model, &session));
    OK(wkv7_session_feed_text(session, "Once upon a time", 16, NULL));
    OK(wkv7_sampler_options_init(&sampling.known, sizeof sampling.known, NULL));
    sampling.known.temperature = sampling.known.presence = sampling.known.frequency = 0;
    OK(wkv7_sampler_new(&sampling.known, &sampler));
    OK(wkv7_generate_options_init(&generating.known, sizeof generating.known));
    generating.known.max_tokens = 64;
    result.known.struct_size = sizeof result.known;
    OK(wkv7_session_generate(session, sampler, &generating.known, print, &pieces, &result.known));
    STANDS(options), STANDS(info), STANDS(sampling), STANDS(generating), STANDS(result);
    if (pieces != 64 || result.known.reason != 3) {
        fprintf(stderr, "%zu pieces, reason %d\n", pieces, (int)result.known.reason);
        return 1;
    }
    wkv7_sampler_free(sampler);
    wkv7_session_free(session);
    wkv7_model_free(model);
    return 0;
}
