/* Eight threads with a session each on one model give to the bit what one after the other gives; cancelling from another
 * thread stops a prompt within one forward and a generation within one token. */
#include "check.h"

#include <pthread.h>
#include <time.h>

enum { THREADS = 8, TOKENS = 40 };

typedef struct {
    const wkv7_model *model;
    int number;
    uint32_t tokens[TOKENS];
    float logits[256];
} worker;

/* Feeds a text of its own and generates; every token is drawn with a seed. */
static void *work(void *argument) {
    worker *self = argument;
    wkv7_session *session = NULL;
    wkv7_sampler *sampler = NULL;
    wkv7_sampler_options options;
    const float *logits;
    size_t count;
    char text[64];
    int len = snprintf(text, sizeof text, "Once upon a time there were %d", self->number);
    OK(wkv7_sampler_options_init(&options, sizeof options, self->model));
    options.seeded = 1, options.seed = (uint64_t)self->number;
    OK(wkv7_sampler_new(&options, &sampler));
    OK(wkv7_session_new(self->model, &session));
    OK(wkv7_session_feed_text(session, text, (size_t)len, NULL));
    for (int i = 0; i < TOKENS; i++) {
        OK(wkv7_session_logits(session, &logits, &count));
        OK(wkv7_sampler_sample(sampler, logits, count, &self->tokens[i]));
        OK(wkv7_session_feed(session, &self->tokens[i], 1));
    }
    OK(wkv7_session_logits(session, &logits, &count));
    memcpy(self->logits, logits, sizeof self->logits);
    wkv7_sampler_free(sampler);
    wkv7_session_free(session);
    return NULL;
}

static void same_bits(const wkv7_model *model) {
    static worker together[THREADS], alone[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        together[i].model = alone[i].model = model;
        together[i].number = alone[i].number = i;
        CHECK(pthread_create(&threads[i], NULL, work, &together[i]) == 0, "thread %d", i);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    for (int i = 0; i < THREADS; i++) {
        work(&alone[i]);
        CHECK(memcmp(alone[i].tokens, together[i].tokens, sizeof alone[i].tokens) == 0, "tokens of thread %d", i);
        CHECK(memcmp(alone[i].logits, together[i].logits, sizeof alone[i].logits) == 0, "logits of thread %d", i);
    }
}

static void *cancel_soon(void *session) {
    struct timespec soon = {0, 30000000};
    nanosleep(&soon, NULL);
    OK(wkv7_session_cancel(session));
    return NULL;
}

/* A prompt of minutes, fed 16 tokens at a time. */
static void cancelled_prompt(void) {
    enum { LONG = 20000000 };
    wkv7_model_options options;
    wkv7_model *model;
    wkv7_session *session = NULL;
    uint32_t *tokens = calloc(LONG, sizeof *tokens);
    uint64_t seen;
    pthread_t other;
    OK(wkv7_model_options_init(&options, sizeof options));
    options.max_tokens = 16;
    model = open_model(&options);
    OK(wkv7_session_new(model, &session));
    CHECK(pthread_create(&other, NULL, cancel_soon, session) == 0, "a thread");
    FAILS(WKV7_ERR_CANCELLED, wkv7_session_feed(session, tokens, LONG));
    pthread_join(other, NULL);
    OK(wkv7_session_tokens_seen(session, &seen));
    CHECK(seen % 16 == 0 && seen < LONG, "stopped between two forwards, after %lu tokens", (unsigned long)seen);
    OK(wkv7_session_clear_cancel(session));
    OK(wkv7_session_feed(session, tokens, 1));
    wkv7_session_free(session);
    wkv7_model_free(model);
    free(tokens);
}

/* What the other thread and the callback share: the piece after which the other has cancelled. */
typedef struct {
    wkv7_session *session;
    pthread_mutex_t lock;
    pthread_cond_t turn;
    int pieces, cancelled;
} handshake;

static void *cancel_at_five(void *argument) {
    handshake *shared = argument;
    pthread_mutex_lock(&shared->lock);
    while (shared->pieces < 5) {
        pthread_cond_wait(&shared->turn, &shared->lock);
    }
    OK(wkv7_session_cancel(shared->session));
    shared->cancelled = 1;
    pthread_cond_signal(&shared->turn);
    pthread_mutex_unlock(&shared->lock);
    return NULL;
}

static int32_t count_pieces(void *user, const wkv7_piece *piece) {
    handshake *shared = user;
    (void)piece;
    pthread_mutex_lock(&shared->lock);
    shared->pieces++;
    pthread_cond_signal(&shared->turn);
    while (shared->pieces == 5 && !shared->cancelled) {
        pthread_cond_wait(&shared->turn, &shared->lock);
    }
    pthread_mutex_unlock(&shared->lock);
    return 0;
}

static void cancelled_generation(const wkv7_model *model) {
    handshake shared = {NULL, PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0};
    pthread_t other;
    uint64_t seen;
    OK(wkv7_session_new(model, &shared.session));
    OK(wkv7_session_feed_text(shared.session, "Once upon a time", 16, NULL));
    CHECK(pthread_create(&other, NULL, cancel_at_five, &shared) == 0, "a thread");
    FAILS(WKV7_ERR_CANCELLED, wkv7_session_generate(shared.session, NULL, NULL, count_pieces, &shared, NULL));
    pthread_join(other, NULL);
    CHECK(shared.pieces == 5, "%d pieces", shared.pieces);
    OK(wkv7_session_tokens_seen(shared.session, &seen));
    CHECK(seen == 16 + 5, "the session holds what was handed out: %d tokens", (int)seen);
    wkv7_session_free(shared.session);
}

/* A handle that two threads use at once answers, and does not break. */
static void *hammer(void *session) {
    const uint32_t token = 'a';
    for (int i = 0; i < 300; i++) {
        wkv7_status status = wkv7_session_feed(session, &token, 1);
        CHECK(status == WKV7_OK || status == WKV7_ERR_BUSY, "%d", (int)status);
    }
    return NULL;
}

static void one_handle(const wkv7_model *model) {
    wkv7_session *session = NULL;
    pthread_t threads[2];
    uint64_t seen;
    OK(wkv7_session_new(model, &session));
    for (int i = 0; i < 2; i++) {
        CHECK(pthread_create(&threads[i], NULL, hammer, session) == 0, "a thread");
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    OK(wkv7_session_tokens_seen(session, &seen));
    CHECK(seen >= 300 && seen <= 600, "%d tokens", (int)seen);
    wkv7_session_free(session);
}

int main(void) {
    wkv7_model *model = open_model(NULL);
    same_bits(model);
    cancelled_prompt();
    cancelled_generation(model);
    one_handle(model);
    wkv7_model_free(model);
    printf("threads: passed\n");
    return 0;
}
