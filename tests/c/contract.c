/* Every function with every argument NULL, zero and huge: none may crash, and each must answer as the header says. */
#include "check.h"

#include <math.h>
#include <stdint.h>

/* The argument that is spoilt, -1 for none, and how. */
static int spoilt = -1;
static int how = 0;

enum { WAYS = 4 };

/* A pointer, or NULL where it is the one that is spoilt. */
#define P(index, pointer) (spoilt == (index) ? NULL : (pointer))
/* A count or length, or zero, or one that nobody can mean. */
#define N(index, value) (spoilt == (index) ? huge_size() : (size_t)(value))
/* A number that stands for one of a list. */
#define I(index, value) (spoilt == (index) ? huge_int() : (int32_t)(value))

static size_t huge_size(void) {
    const size_t ways[WAYS] = {0, SIZE_MAX - 1, SIZE_MAX / 2, (size_t)1 << 42};
    return ways[how];
}

static int32_t huge_int(void) {
    const int32_t ways[WAYS] = {-1, INT32_MAX, INT32_MIN, 1000};
    return ways[how];
}

/* What each argument may be, a letter each:
 *   N  a pointer that must not be NULL
 *   o  a pointer that may be NULL
 *   n  a count: huge ones are refused
 *   i  one of a list: others are refused
 *   a  any number will do */
static void judge(const char *call, char kind, wkv7_status status) {
    if (spoilt < 0) {
        CHECK(status == WKV7_OK, "%s answered %d", call, (int)status);
        return;
    }
    switch (kind) {
    case 'N':
        CHECK(status == WKV7_ERR_NULL, "%s with NULL as argument %d answered %d", call, spoilt, (int)status);
        break;
    case 'n':
        CHECK(how == 0 || status == WKV7_ERR_TOO_LARGE || status == WKV7_ERR_ARGUMENT,
              "%s with a huge argument %d answered %d", call, spoilt, (int)status);
        break;
    case 'i':
        CHECK(status == WKV7_ERR_ARGUMENT, "%s with %d as argument %d answered %d", call, (int)huge_int(), spoilt,
              (int)status);
        break;
    default:
        break;
    }
    CHECK(status == WKV7_OK || wkv7_last_error()[0] != '\0', "%s left no text", call);
}

/* Makes the call as it should be, and with each argument spoilt in every way. */
#define TRY(kinds, call)                                                                                               \
    for (spoilt = -1; spoilt < (int)strlen(kinds); spoilt++)                                                           \
        for (how = 0; how < (spoilt < 0 || kinds[spoilt] == 'N' || kinds[spoilt] == 'o' ? 1 : WAYS); how++)            \
    judge(#call, spoilt < 0 ? 0 : kinds[spoilt], (call))

/* Likewise for a call whose last argument gives a handle: it gives none unless it succeeds. */
#define TRY_NEW(kinds, type, call)                                                                                     \
    do {                                                                                                               \
        type *made = NULL;                                                                                             \
        for (spoilt = -1; spoilt < (int)strlen(kinds); spoilt++)                                                       \
            for (how = 0; how < (spoilt < 0 || kinds[spoilt] == 'N' || kinds[spoilt] == 'o' ? 1 : WAYS); how++) {      \
                wkv7_status status_ = (call);                                                                          \
                judge(#call, spoilt < 0 ? 0 : kinds[spoilt], status_);                                                 \
                CHECK((made != NULL) == (status_ == WKV7_OK), "%s gave a handle with status %d", #call, (int)status_); \
                type##_free(made);                                                                                     \
                made = NULL;                                                                                           \
            }                                                                                                          \
    } while (0)

static void log_nothing(void *user, int32_t level, const char *message, size_t len) {
    (void)user, (void)level, (void)message, (void)len;
}

static int32_t take_one(void *user, const wkv7_piece *piece) {
    (void)user, (void)piece;
    return 1;
}

static void give_back(void *user, const void *data, size_t len) {
    (void)data, (void)len;
    ++*(int *)user;
}

static void library(void) {
    char buffer[4096];
    size_t len;
    CHECK(wkv7_abi_version() == WKV7_ABI_VERSION, "header %d", WKV7_ABI_VERSION);
    CHECK(wkv7_version_number() == 1000000 * WKV7_VERSION_MAJOR + 1000 * WKV7_VERSION_MINOR + WKV7_VERSION_PATCH,
          "library %u", (unsigned)wkv7_version_number());
    CHECK(strlen(wkv7_version()) >= 5, "%s", wkv7_version());
    CHECK(strstr(wkv7_build_info(), "\"abi_version\"") != NULL, "%s", wkv7_build_info());
    CHECK(wkv7_has_feature("cpu", 3) == 1, "no cpu");
    CHECK(wkv7_has_feature("cpux", 3) == 1, "the length counts");
    CHECK(wkv7_has_feature("nothing", WKV7_NUL_TERMINATED) == 0, "it has nothing");
    CHECK(wkv7_has_feature(NULL, 3) == 0 && wkv7_has_feature("cpu", SIZE_MAX / 2) == 0, "nonsense is no feature");
    for (int32_t status = -2; status < 40; status++) {
        CHECK(wkv7_status_message(status)[0] != '\0', "status %d", (int)status);
    }
    CHECK(strcmp(wkv7_status_message(WKV7_OK), wkv7_status_message(WKV7_ERR_BUSY)) != 0, "statuses differ");
    TRY("oN", (len = sizeof buffer, wkv7_backends(P(0, buffer), P(1, &len))));
    TRY("oN", (len = sizeof buffer, wkv7_devices(P(0, buffer), P(1, &len))));
    TRY("ioo", wkv7_log(I(0, WKV7_LOG_INFO), spoilt == 1 ? NULL : log_nothing, P(2, buffer)));
    OK(wkv7_log(WKV7_LOG_OFF, NULL, NULL));
}

static void models(const wkv7_model *model) {
    wkv7_model_options options;
    wkv7_model_info info;
    char json[16384];
    size_t len = strlen(model_path());
    TRY("Nn", wkv7_model_options_init(P(0, &options), N(1, sizeof options)));
    OK(wkv7_model_options_init(&options, sizeof options));
    TRY_NEW("NnoN", wkv7_model, wkv7_model_open(P(0, model_path()), N(1, len), P(2, &options), P(3, &made)));
    TRY_NEW("oN", wkv7_model, wkv7_model_open_built_in(P(0, &options), P(1, &made)));
    info.struct_size = sizeof info;
    TRY("NN", wkv7_model_get_info(P(0, model), P(1, &info)));
    CHECK(info.vocab == 256 && info.layers > 0 && strlen(info.fingerprint) == 32 && strcmp(info.backend, "cpu") == 0,
          "%zu tokens, %zu layers, %s", info.vocab, info.layers, info.fingerprint);
    TRY("NoN", (len = sizeof json, wkv7_model_json(P(0, model), P(1, json), P(2, &len))));
    CHECK(strstr(json, info.fingerprint) != NULL, "%s", json);

    /* From memory: the bytes are given back exactly once, whatever happens. */
    FILE *file = fopen(model_path(), "rb");
    CHECK(file != NULL, "%s", model_path());
    fseek(file, 0, SEEK_END);
    size_t size = (size_t)ftell(file);
    rewind(file);
    void *bytes = malloc(size);
    CHECK(fread(bytes, 1, size, file) == size, "%s", model_path());
    fclose(file);
    int calls = 0, released = 0;
    TRY_NEW("NnoooN", wkv7_model,
            (calls += spoilt != 2, wkv7_model_from_memory(P(0, bytes), N(1, size), spoilt == 2 ? NULL : give_back,
                                                          &released, P(4, &options), P(5, &made))));
    CHECK(calls == released, "%d calls, %d released", calls, released);
    free(bytes);
}

static int32_t count_pieces(void *user, const wkv7_piece *piece) {
    *(size_t *)user += piece->text_len;
    return 0;
}

/* The model inside the library: no file, and it tells something. */
static void built_in(void) {
    wkv7_model *model = NULL;
    wkv7_model_info info;
    wkv7_session *session = NULL;
    wkv7_generate_options options;
    wkv7_generation_result result;
    size_t told = 0;
    CHECK(wkv7_has_feature("built-in-model", WKV7_NUL_TERMINATED) == 1, "%s", wkv7_build_info());
    OK(wkv7_model_open_built_in(NULL, &model));
    info.struct_size = sizeof info;
    OK(wkv7_model_get_info(model, &info));
    CHECK(info.end_of_text == 0 && info.file_bytes > 0 && strcmp(info.format, "GGUF") == 0, "%s", info.format);
    OK(wkv7_session_new(model, &session));
    wkv7_model_free(model);
    OK(wkv7_session_feed_text(session, "Once upon a time", WKV7_NUL_TERMINATED, NULL));
    OK(wkv7_generate_options_init(&options, sizeof options));
    options.max_tokens = 16;
    result.struct_size = sizeof result;
    OK(wkv7_session_generate(session, NULL, &options, count_pieces, &told, &result));
    CHECK(told > 0, "%zu bytes", told);
    wkv7_session_free(session);
}

static void text(const wkv7_model *model) {
    wkv7_tokenizer *tokenizer = NULL;
    wkv7_decoder *decoder = NULL;
    uint32_t tokens[64];
    char bytes[64];
    const char *view;
    size_t len, count;
    int64_t end;
    TRY_NEW("NN", wkv7_tokenizer, wkv7_model_tokenizer(P(0, model), P(1, &made)));
    TRY_NEW("NnN", wkv7_tokenizer, wkv7_tokenizer_open(P(0, "bytes"), N(1, 5), P(2, &made)));
    OK(wkv7_tokenizer_open("bytes", 5, &tokenizer));
    TRY("NN", wkv7_tokenizer_size(P(0, tokenizer), P(1, &len)));
    CHECK(len == 256, "%zu", len);
    TRY("NN", wkv7_tokenizer_end_of_text(P(0, tokenizer), P(1, &end)));
    TRY("NNnoN", (count = 64, wkv7_tokenizer_encode(P(0, tokenizer), P(1, "abc"), N(2, 3), P(3, tokens), P(4, &count))));
    OK((count = 64, wkv7_tokenizer_encode(tokenizer, "abc", 3, tokens, &count)));
    CHECK(count == 3 && tokens[2] == 'c', "%zu tokens", count);
    TRY("NNnoN", (len = 64, wkv7_tokenizer_decode(P(0, tokenizer), P(1, tokens), N(2, 3), P(3, bytes), P(4, &len))));
    TRY("NaNN", wkv7_tokenizer_token(P(0, tokenizer), (uint32_t)(spoilt == 1 ? huge_int() : 65), P(2, &view), P(3, &len)));
    FAILS(WKV7_ERR_TOKENIZER, wkv7_tokenizer_token(tokenizer, 256, &view, &len));

    /* Buffers: told, too small, just enough, with room for the NUL. */
    OK((len = 99, wkv7_tokenizer_decode(tokenizer, tokens, 3, NULL, &len)));
    CHECK(len == 3, "%zu", len);
    memset(bytes, 'x', sizeof bytes);
    FAILS(WKV7_ERR_BUFFER, (len = 2, wkv7_tokenizer_decode(tokenizer, tokens, 3, bytes, &len)));
    CHECK(len == 3 && bytes[0] == 'x', "a buffer that is too small stays as it is");
    OK((len = 3, wkv7_tokenizer_decode(tokenizer, tokens, 3, bytes, &len)));
    CHECK(memcmp(bytes, "abcx", 4) == 0, "%.4s", bytes);

    TRY_NEW("NN", wkv7_decoder, wkv7_decoder_new(P(0, tokenizer), P(1, &made)));
    OK(wkv7_decoder_new(tokenizer, &decoder));
    wkv7_tokenizer_free(tokenizer);
    TRY("NaNN", wkv7_decoder_push(P(0, decoder), (uint32_t)(spoilt == 1 ? huge_int() : 0xc3), P(2, &view), P(3, &len)));
    OK(wkv7_decoder_push(decoder, 0xa9, &view, &len));
    CHECK(len == 2 && memcmp(view, "\xc3\xa9", 2) == 0, "%zu bytes", len);
    TRY("NNN", wkv7_decoder_finish(P(0, decoder), P(1, &view), P(2, &len)));
    wkv7_decoder_free(decoder);
}

static void samplers(const wkv7_model *model) {
    wkv7_sampler_options options;
    wkv7_sampler *sampler = NULL;
    float logits[4] = {0, 3, 1, 2}, probabilities[4];
    uint32_t token;
    uint64_t seed;
    TRY("Nno", wkv7_sampler_options_init(P(0, &options), N(1, sizeof options), P(2, model)));
    OK(wkv7_sampler_options_init(&options, sizeof options, model));
    TRY_NEW("oN", wkv7_sampler, wkv7_sampler_new(P(0, &options), P(1, &made)));
    options.top_p = -1;
    FAILS(WKV7_ERR_ARGUMENT, wkv7_sampler_new(&options, &sampler));
    CHECK(strstr(wkv7_last_error(), "top_p") != NULL, "it names the option");
    options.top_p = 1;
    const uint32_t banned[] = {1};
    const wkv7_bias bias[] = {{2, 100}};
    options.banned = banned, options.banned_count = 1, options.bias = bias, options.bias_count = 1;
    options.seeded = 1, options.seed = 7;
    OK(wkv7_sampler_new(&options, &sampler));
    TRY("NNnN", wkv7_sampler_sample(P(0, sampler), P(1, logits), N(2, 4), P(3, &token)));
    CHECK(token == 2, "token %u", (unsigned)token);
    TRY("Nao", wkv7_sampler_accept(P(0, sampler), (uint32_t)(spoilt == 1 ? huge_int() : 2), NULL));
    TRY("NNnN", wkv7_sampler_probabilities(P(0, sampler), P(1, logits), N(2, 4), P(3, probabilities)));
    OK(wkv7_sampler_probabilities(sampler, logits, 4, probabilities));
    CHECK(probabilities[1] == 0 && probabilities[2] > 0.9f, "%g", (double)probabilities[2]);
    TRY("N", wkv7_sampler_reset(P(0, sampler)));
    TRY("NN", wkv7_sampler_seed(P(0, sampler), P(1, &seed)));
    CHECK(seed == 7, "seed %d", (int)seed);
    logits[0] = NAN;
    FAILS(WKV7_ERR_SAMPLING, wkv7_sampler_sample(sampler, logits, 4, &token));
    FAILS(WKV7_ERR_SAMPLING, wkv7_sampler_sample(sampler, logits, 0, &token));
    wkv7_sampler_free(sampler);
}

static void sessions(const wkv7_model *model) {
    wkv7_session *session = NULL, *fork = NULL;
    const uint32_t tokens[3] = {'a', 'b', 'c'}, outside[1] = {256};
    static float rows[3 * 256], hidden[4096];
    const float *logits;
    wkv7_top tops[5];
    wkv7_stats stats;
    size_t count;
    uint64_t seen;
    TRY_NEW("NN", wkv7_session, wkv7_session_new(P(0, model), P(1, &made)));
    OK(wkv7_session_new(model, &session));
    FAILS(WKV7_ERR_NOTHING_FED, wkv7_session_logits(session, &logits, &count));
    FAILS(WKV7_ERR_NOTHING_FED, (count = 5, wkv7_session_top(session, tops, &count)));
    TRY("NNn", wkv7_session_feed(P(0, session), P(1, tokens), N(2, 3)));
    FAILS(WKV7_ERR_TOKEN, wkv7_session_feed(session, outside, 1));
    TRY("NNno", wkv7_session_feed_text(P(0, session), P(1, "abc"), N(2, 3), P(3, &count)));
    FAILS(WKV7_ERR_UTF8, wkv7_session_feed_text(session, "ab\xff", 3, NULL));
    TRY("NNnoN", (count = 3 * 256, wkv7_session_feed_all(P(0, session), P(1, tokens), N(2, 3), P(3, rows), P(4, &count))));
    TRY("NNN", wkv7_session_logits(P(0, session), P(1, &logits), P(2, &count)));
    CHECK(count == 256 && memcmp(logits, rows + 2 * 256, sizeof(float) * 256) == 0, "the last row are the logits");
    TRY("NNN", (count = 5, wkv7_session_top(P(0, session), P(1, tops), P(2, &count))));
    OK((count = 5, wkv7_session_top(session, tops, &count)));
    for (size_t i = 0; i < 5; i++) {
        CHECK(tops[i].logit == logits[tops[i].token] && tops[i].log_probability < 0, "top %zu", i);
        CHECK(i == 0 || tops[i].logit <= tops[i - 1].logit, "top %zu", i);
    }
    TRY_NEW("NN", wkv7_session, wkv7_session_fork(P(0, session), P(1, &made)));
    OK(wkv7_session_fork(session, &fork));
    TRY_NEW("NNN", wkv7_session, wkv7_session_to(P(0, session), P(1, model), P(2, &made)));
    TRY("NNnNN", (count = 5, wkv7_session_feed_top(P(0, fork), P(1, tokens), N(2, 3), P(3, tops), P(4, &count))));
    FAILS(WKV7_ERR_NOTHING_FED, wkv7_session_logits(fork, &logits, &count));
    TRY("NNnoN", (count = 4096, wkv7_session_embed(P(0, fork), P(1, tokens), N(2, 3), P(3, hidden), P(4, &count))));
    TRY("N", wkv7_session_reset(P(0, fork)));
    TRY("NN", wkv7_session_tokens_seen(P(0, fork), P(1, &seen)));
    CHECK(seen == 0, "%d tokens after a reset", (int)seen);
    wkv7_session_free(fork);
    stats.struct_size = sizeof stats;
    TRY("NN", wkv7_session_stats(P(0, session), P(1, &stats)));
    CHECK(stats.struct_size == sizeof stats && stats.fed_tokens > 0 && stats.fed_seconds > 0, "statistics");
    TRY("N", wkv7_session_cancel(P(0, session)));
    FAILS(WKV7_ERR_CANCELLED, wkv7_session_feed(session, tokens, 3));
    TRY("N", wkv7_session_clear_cancel(P(0, session)));
    OK(wkv7_session_feed(session, tokens, 3));
    wkv7_session_free(session);
}

static void generations(const wkv7_model *model) {
    wkv7_session *session = NULL;
    wkv7_sampler *sampler = greedy();
    wkv7_generation *generation = NULL;
    wkv7_generate_options options;
    wkv7_generation_result result;
    const wkv7_piece *piece;
    size_t count;
    TRY("Nn", wkv7_generate_options_init(P(0, &options), N(1, sizeof options)));
    OK(wkv7_generate_options_init(&options, sizeof options));
    const wkv7_text stop[1] = {{"zzz", WKV7_NUL_TERMINATED}};
    const uint32_t stop_tokens[1] = {255};
    options.max_tokens = 5, options.stop = stop, options.stop_count = 1;
    options.stop_tokens = stop_tokens, options.stop_tokens_count = 1;
    OK(wkv7_session_new(model, &session));
    OK(wkv7_session_feed_text(session, "Once upon a time", WKV7_NUL_TERMINATED, NULL));
    TRY_NEW("NooN", wkv7_generation,
            wkv7_generation_start(P(0, session), P(1, sampler), P(2, &options), P(3, &made)));
    OK(wkv7_generation_start(session, sampler, &options, &generation));
    FAILS(WKV7_ERR_BUSY, wkv7_session_feed(session, stop_tokens, 1));
    TRY("NN", wkv7_generation_next(P(0, generation), P(1, &piece)));
    CHECK(piece != NULL && piece->text[piece->text_len] == '\0' && piece->log_probability < 0, "a piece");
    result.struct_size = sizeof result;
    TRY("NN", wkv7_generation_get_result(P(0, generation), P(1, &result)));
    CHECK(result.reason == WKV7_STOP_NONE && result.tokens == 1, "%d tokens", (int)result.tokens);
    for (count = 1; piece != NULL; count += piece != NULL) {
        OK(wkv7_generation_next(generation, &piece));
    }
    OK(wkv7_generation_next(generation, &piece));
    OK(wkv7_generation_get_result(generation, &result));
    CHECK(count == 5 && piece == NULL && result.reason == WKV7_STOP_MAX_TOKENS, "%zu pieces", count);
    wkv7_generation_free(generation);

    TRY("NooNoo", wkv7_session_generate(P(0, session), P(1, sampler), P(2, &options), spoilt == 3 ? NULL : take_one,
                                        P(4, &count), P(5, &result)));
    CHECK(result.reason == WKV7_STOP_CALLBACK && result.tokens == 1, "reason %d", (int)result.reason);

    /* Handles in any order: the generation keeps session and sampler. */
    OK(wkv7_generation_start(session, sampler, &options, &generation));
    wkv7_session_free(session);
    wkv7_sampler_free(sampler);
    OK(wkv7_generation_next(generation, &piece));
    CHECK(piece != NULL, "it goes on");
    wkv7_generation_free(generation);
}

static void states(const wkv7_model *model, const char *folder) {
    wkv7_session *session = NULL;
    wkv7_state *state = NULL, *again = NULL;
    char path[4096], *bytes;
    const float *data;
    size_t len, count;
    uint64_t seen;
    snprintf(path, sizeof path, "%s/contract.state", folder);
    OK(wkv7_session_new(model, &session));
    OK(wkv7_session_feed_text(session, "abc", 3, NULL));
    TRY_NEW("NN", wkv7_state, wkv7_state_new(P(0, model), P(1, &made)));
    TRY_NEW("NN", wkv7_state, wkv7_session_state(P(0, session), P(1, &made)));
    OK(wkv7_session_state(session, &state));
    TRY("NNn", wkv7_state_save(P(0, state), P(1, path), N(2, strlen(path))));
    TRY_NEW("NNnN", wkv7_state, wkv7_state_load(P(0, model), P(1, path), N(2, strlen(path)), P(3, &made)));
    FAILS(WKV7_ERR_FILE, wkv7_state_load_tuned(model, path, WKV7_NUL_TERMINATED, 0, &again));
    CHECK(wkv7_state_load_tuned(NULL, path, 1, 0, &again) == WKV7_ERR_NULL, "no model");
    CHECK(wkv7_state_load_tuned(model, NULL, 1, 0, &again) == WKV7_ERR_NULL, "no path");
    CHECK(wkv7_state_load_tuned(model, path, 1, 0, NULL) == WKV7_ERR_NULL, "no place");
    TRY("NoN", (len = 0, wkv7_state_to_bytes(P(0, state), NULL, P(2, &len))));
    OK((len = 0, wkv7_state_to_bytes(state, NULL, &len)));
    bytes = malloc(len);
    OK(wkv7_state_to_bytes(state, bytes, &len));
    TRY_NEW("NNnN", wkv7_state, wkv7_state_from_bytes(P(0, model), P(1, bytes), N(2, len), P(3, &made)));
    OK(wkv7_state_from_bytes(model, bytes, len, &again));
    free(bytes);
    TRY("NiNN", wkv7_state_get_part(P(0, state), I(1, WKV7_STATE_WKV), P(2, &data), P(3, &count)));
    TRY("NiNn", wkv7_state_set_part(P(0, again), I(1, WKV7_STATE_WKV), P(2, data), N(3, count)));
    FAILS(WKV7_ERR_ARGUMENT, wkv7_state_set_part(again, WKV7_STATE_WKV, data, count - 1));
    FAILS(WKV7_ERR_ARGUMENT, wkv7_state_set_part(again, WKV7_STATE_LOGITS, data, 255));
    OK(wkv7_state_set_part(again, WKV7_STATE_LOGITS, data, 256));
    TRY("NN", wkv7_state_tokens_seen(P(0, state), P(1, &seen)));
    CHECK(seen == 3, "%d tokens", (int)seen);
    TRY("NN", wkv7_session_set_state(P(0, session), P(1, state)));
    wkv7_state_free(again);
    wkv7_state_free(state);
    wkv7_session_free(session);
    remove(path);
}

static int32_t end_tuning(void *user, const wkv7_tune_progress *progress) {
    CHECK(progress->struct_size >= sizeof *progress && progress->done == 1, "step %d", (int)progress->done);
    ++*(int *)user;
    return 1;
}

static void tuning(const wkv7_model *model, const char *folder) {
    const wkv7_tune_pair pairs[1] = {{{"ab", WKV7_NUL_TERMINATED}, {"cd", 2}}};
    wkv7_tune_options options;
    wkv7_state *state = NULL, *again = NULL;
    char path[4096];
    const float *data, *read;
    size_t count;
    int calls = 0;
    snprintf(path, sizeof path, "%s/contract.pth", folder);
    TRY("Nn", wkv7_tune_options_init(P(0, &options), N(1, sizeof options)));
    OK(wkv7_tune_options_init(&options, sizeof options));
    options.steps = 3;
    TRY_NEW("NNnoooN", wkv7_state,
            wkv7_model_tune_state(P(0, model), P(1, pairs), N(2, 1), P(3, &options), spoilt == 4 ? NULL : end_tuning,
                                  spoilt == 5 ? (void *)&count : &calls, P(6, &made)));
    CHECK(calls > 0, "it is told of steps");
    calls = 0;
    OK(wkv7_model_tune_state(model, pairs, 1, &options, end_tuning, &calls, &state));
    CHECK(calls == 1, "%d steps after the end", calls);
    TRY("NNn", wkv7_state_save_tuned(P(0, state), P(1, path), N(2, strlen(path))));
    OK(wkv7_state_load_tuned(model, path, WKV7_NUL_TERMINATED, 0, &again));
    OK(wkv7_state_get_part(state, WKV7_STATE_WKV, &data, &count));
    OK(wkv7_state_get_part(again, WKV7_STATE_WKV, &read, &count));
    CHECK(memcmp(data, read, count * sizeof *data) == 0, "what was written is read");
    wkv7_state_free(again);
    wkv7_state_free(state);
    remove(path);
}

static void batches(const wkv7_model *model) {
    wkv7_session *one = NULL, *two = NULL;
    wkv7_batch *batch = NULL;
    const uint32_t tokens[3] = {'a', 'b', 'c'};
    const float *logits;
    size_t count;
    OK(wkv7_session_new(model, &one));
    OK(wkv7_session_new(model, &two));
    TRY_NEW("NN", wkv7_batch, wkv7_batch_new(P(0, model), P(1, &made)));
    OK(wkv7_batch_new(model, &batch));
    TRY("NNNni", (spoilt < 0 || batch == NULL ? (void)0 : (void)wkv7_batch_clear(batch),
                  wkv7_batch_add(P(0, batch), P(1, one), P(2, tokens), N(3, 3), I(4, WKV7_WANT_LAST))));
    OK(wkv7_batch_clear(batch));
    OK(wkv7_batch_add(batch, one, tokens, 3, WKV7_WANT_ALL));
    FAILS(WKV7_ERR_ARGUMENT, wkv7_batch_add(batch, one, tokens, 3, WKV7_WANT_ALL));
    OK(wkv7_batch_add(batch, two, tokens, 2, WKV7_WANT_HIDDEN));
    TRY("N", wkv7_batch_run(P(0, batch)));
    TRY("NnNN", wkv7_batch_logits(P(0, batch), N(1, 0), P(2, &logits), P(3, &count)));
    OK(wkv7_batch_logits(batch, 0, &logits, &count));
    CHECK(count == 3 * 256, "%zu", count);
    TRY("NnNN", wkv7_batch_hidden(P(0, batch), N(1, 1), P(2, &logits), P(3, &count)));
    wkv7_session_free(two); /* the batch keeps it */
    OK(wkv7_batch_run(batch));
    TRY("N", wkv7_batch_clear(P(0, batch)));
    OK(wkv7_batch_run(batch)); /* of nothing */
    wkv7_batch_free(batch);
    wkv7_session_free(one);
}

static void chats(void) {
    wkv7_chat_options options;
    const wkv7_message messages[2] = {{{"Be brief.", 9}, WKV7_ROLE_SYSTEM}, {{"Hello", 5}, WKV7_ROLE_USER}};
    const wkv7_message nobody = {{"Hello", 5}, 9};
    char out[1024];
    size_t len;
    TRY("Nn", wkv7_chat_options_init(P(0, &options), N(1, sizeof options)));
    OK(wkv7_chat_options_init(&options, sizeof options));
    TRY("oNnoN", (len = sizeof out, wkv7_chat_render(P(0, &options), P(1, messages), N(2, 2), P(3, out), P(4, &len))));
    OK((len = sizeof out, wkv7_chat_render(&options, messages, 2, out, &len)));
    CHECK(strcmp(out, "System: Be brief.\n\nUser: Hello\n\nAssistant:") == 0, "%s", out);
    FAILS(WKV7_ERR_ARGUMENT, (len = sizeof out, wkv7_chat_render(&options, &nobody, 1, out, &len)));
    TRY("oNoN", (len = sizeof out, wkv7_chat_turn(P(0, &options), P(1, &messages[1]), P(2, out), P(3, &len))));
    TRY("oaoN", (len = sizeof out, wkv7_chat_stop(P(0, &options), N(1, 0), P(2, out), P(3, &len))));
    OK((len = sizeof out, wkv7_chat_stop(&options, 0, out, &len)));
    CHECK(strcmp(out, "\n\nUser:") == 0, "%s", out);
    TRY("oNnoN", (len = sizeof out, wkv7_chat_answer(P(0, &options), P(1, " Hi."), N(2, 4), P(3, out), P(4, &len))));
    options.family.data = "none", options.family.len = 4;
    FAILS(WKV7_ERR_ARGUMENT, (len = sizeof out, wkv7_chat_render(&options, messages, 2, out, &len)));
    options.family.len = 0, options.tools.data = "{", options.tools.len = 1;
    FAILS(WKV7_ERR_ARGUMENT, (len = sizeof out, wkv7_chat_render(&options, messages, 2, out, &len)));
}

/* Structs of other sizes: nonsense, from a newer program, of which the library knows less. */
static void sizes(const wkv7_model *model) {
    struct {
        wkv7_model_options options;
        uint64_t future;
    } newer;
    struct {
        wkv7_model_info info;
        uint64_t future;
    } more;
    wkv7_model *opened = NULL;
    memset(&newer, 0x55, sizeof newer);
    OK(wkv7_model_options_init(&newer.options, sizeof newer));
    CHECK(newer.options.struct_size == sizeof newer && newer.future == 0, "initialised to the end");
    OK(wkv7_model_open(model_path(), WKV7_NUL_TERMINATED, &newer.options, &opened));
    wkv7_model_free(opened);
    opened = NULL;
    newer.future = 1;
    FAILS(WKV7_ERR_UNSUPPORTED, wkv7_model_open(model_path(), WKV7_NUL_TERMINATED, &newer.options, &opened));
    const size_t nonsense[] = {0, 1, 8, 5000, SIZE_MAX};
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++) {
        newer.options.struct_size = nonsense[i];
        FAILS(WKV7_ERR_ARGUMENT, wkv7_model_open(model_path(), WKV7_NUL_TERMINATED, &newer.options, &opened));
    }
    CHECK(opened == NULL, "no model");
    memset(&more, 0x55, sizeof more);
    more.info.struct_size = sizeof more;
    OK(wkv7_model_get_info(model, &more.info));
    CHECK(more.info.struct_size == sizeof more && more.info.vocab == 256 && more.future == 0, "filled to the end");
}

static int32_t refuse(void *user, uint64_t done, uint64_t total) {
    (void)user, (void)done, (void)total;
    return 1;
}

/* Errors that a program will meet. */
static void errors(const wkv7_model *model) {
    wkv7_model_options options;
    wkv7_model *opened = NULL;
    wkv7_session *one = NULL, *two = NULL;
    wkv7_state *state = NULL;
    OK(wkv7_model_options_init(&options, sizeof options));
    FAILS(WKV7_ERR_IO, wkv7_model_open("no/such/file", WKV7_NUL_TERMINATED, NULL, &opened));
    CHECK(strstr(wkv7_last_error(), "no/such/file") != NULL, "it names the file");
    FAILS(WKV7_ERR_FILE, wkv7_model_from_memory("rubbish", 7, NULL, NULL, NULL, &opened));
    FAILS(WKV7_ERR_FILE, wkv7_state_from_bytes(model, "rubbish", 7, &state));
    options.backend.data = "none", options.backend.len = 4;
    FAILS(WKV7_ERR_UNAVAILABLE, wkv7_model_open(model_path(), WKV7_NUL_TERMINATED, &options, &opened));
    options.backend.len = 0, options.slots = (size_t)1 << 40;
    FAILS(WKV7_ERR_ARGUMENT, wkv7_model_open(model_path(), WKV7_NUL_TERMINATED, &options, &opened));
    options.slots = 1, options.progress = refuse;
    FAILS(WKV7_ERR_CANCELLED, wkv7_model_open(model_path(), WKV7_NUL_TERMINATED, &options, &opened));
    options.progress = NULL;
    OK(wkv7_model_open(model_path(), WKV7_NUL_TERMINATED, &options, &opened));
    OK(wkv7_session_new(opened, &one));
    FAILS(WKV7_ERR_NO_SLOT, wkv7_session_new(opened, &two));
    wkv7_batch *batch = NULL;
    const uint32_t token = 'a';
    OK(wkv7_batch_new(model, &batch));
    OK(wkv7_batch_add(batch, one, &token, 1, WKV7_WANT_LAST));
    FAILS(WKV7_ERR_WRONG_MODEL, wkv7_batch_run(batch));
    wkv7_batch_free(batch);
    wkv7_session_free(one);
    wkv7_model_free(opened);
}

int main(int argc, char **argv) {
    wkv7_model *model = open_model(NULL);
    CHECK(argc == 2, "usage: contract FOLDER");
    library();
    models(model);
    built_in();
    text(model);
    samplers(model);
    sessions(model);
    generations(model);
    states(model, argv[1]);
    tuning(model, argv[1]);
    batches(model);
    chats();
    sizes(model);
    errors(model);
    wkv7_model_free(model);
    wkv7_model_free(NULL);
    wkv7_tokenizer_free(NULL);
    wkv7_decoder_free(NULL);
    wkv7_session_free(NULL);
    wkv7_sampler_free(NULL);
    wkv7_generation_free(NULL);
    wkv7_state_free(NULL);
    wkv7_batch_free(NULL);
    printf("contract: passed\n");
    return 0;
}
