/* Decoding takes no memory: once it is under way, no token makes the library allocate, in whatever thread. */
#include "check.h"

/* glibc's own names, since this file takes the usual ones. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static volatile int counting = 0;
static volatile int allocations = 0;

static void count(void) {
    if (counting) {
        __atomic_add_fetch(&allocations, 1, __ATOMIC_RELAXED);
    }
}

void *malloc(size_t size) {
    count();
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
    count();
    return __libc_calloc(number, size);
}

void *realloc(void *old, size_t size) {
    count();
    return __libc_realloc(old, size);
}

int posix_memalign(void **place, size_t alignment, size_t size) {
    count();
    *place = __libc_memalign(alignment, size);
    return *place == NULL;
}

void *aligned_alloc(size_t alignment, size_t size) {
    count();
    return __libc_memalign(alignment, size);
}

enum { WARM = 20, COUNTED = 200 };

/* Feeds and samples token by token. */
static void decode(wkv7_session *session, wkv7_sampler *sampler, wkv7_decoder *decoder, int tokens) {
    const float *logits;
    const char *text;
    size_t size, len;
    uint32_t token;
    for (int i = 0; i < tokens; i++) {
        OK(wkv7_session_logits(session, &logits, &size));
        OK(wkv7_sampler_sample(sampler, logits, size, &token));
        OK(wkv7_decoder_push(decoder, token, &text, &len));
        OK(wkv7_session_feed(session, &token, 1));
    }
}

static void generate(wkv7_generation *generation, int tokens) {
    const wkv7_piece *piece;
    for (int i = 0; i < tokens; i++) {
        OK(wkv7_generation_next(generation, &piece));
        CHECK(piece != NULL, "it ended after %d", i);
    }
}

int main(void) {
    wkv7_model *model = open_model(NULL);
    wkv7_session *session = NULL;
    wkv7_sampler *greedily = greedy(), *drawing = NULL, *samplers[2];
    wkv7_sampler_options options;
    wkv7_tokenizer *tokenizer = NULL;
    wkv7_decoder *decoder = NULL;
    wkv7_generation *generation = NULL;
    wkv7_generate_options length;
    void *probe;
    counting = 1;
    probe = malloc(8);
    counting = 0;
    CHECK(probe != NULL && allocations == 1, "this program does not count: %d", allocations);
    free(probe);

    OK(wkv7_sampler_options_init(&options, sizeof options, NULL));
    options.presence = options.frequency = 0.1f;
    OK(wkv7_sampler_new(&options, &drawing));
    OK(wkv7_model_tokenizer(model, &tokenizer));
    OK(wkv7_decoder_new(tokenizer, &decoder));
    OK(wkv7_session_new(model, &session));
    OK(wkv7_session_feed_text(session, "Once upon a time", 16, NULL));
    samplers[0] = greedily, samplers[1] = drawing;
    for (int i = 0; i < 2; i++) {
        decode(session, samplers[i], decoder, WARM);
        allocations = 0, counting = 1;
        decode(session, samplers[i], decoder, COUNTED);
        counting = 0;
        CHECK(allocations == 0, "%d allocations in %d decoded tokens", allocations, COUNTED);
    }
    OK(wkv7_generate_options_init(&length, sizeof length));
    length.max_tokens = WARM + COUNTED;
    const wkv7_text stop = {"~~~", 3};
    length.stop = &stop, length.stop_count = 1;
    OK(wkv7_generation_start(session, greedily, &length, &generation));
    generate(generation, WARM);
    allocations = 0, counting = 1;
    generate(generation, COUNTED);
    counting = 0;
    CHECK(allocations == 0, "%d allocations in %d generated tokens", allocations, COUNTED);
    wkv7_generation_free(generation);
    wkv7_session_free(session);
    wkv7_decoder_free(decoder);
    wkv7_tokenizer_free(tokenizer);
    wkv7_sampler_free(drawing);
    wkv7_sampler_free(greedily);
    wkv7_model_free(model);
    printf("allocations: passed\n");
    return 0;
}
