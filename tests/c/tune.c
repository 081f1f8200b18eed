/* A state is tuned on the model inside the library, used, ended early, kept in a file, and refused what cannot be learned. */
#include "check.h"

#include <math.h>

static const char PROMPT[] = "Once upon a time, there was a goose.";
static const char ANSWER[] = " The goose was made of stone.";

enum { STEPS = 24, LONGEST_PATH = 4096 };

/* What a callback has been told. */
struct course {
    uint64_t stop; /* the step at which to end */
    uint64_t calls, tokens;
    double first_loss, last_loss;
};

static int32_t hear(void *user, const wkv7_tune_progress *step) {
    struct course *course = user;
    CHECK(step->struct_size >= sizeof *step, "%zu bytes", step->struct_size);
    CHECK(step->done == ++course->calls && step->steps == STEPS, "step %d of %d", (int)step->done, (int)step->steps);
    CHECK(step->loss > 0 && isfinite(step->loss) && step->accuracy >= 0 && step->accuracy <= 1, "loss %g", step->loss);
    CHECK(step->rate > 0 && step->norm > 0 && !step->skipped, "rate %g, norm %g", step->rate, step->norm);
    CHECK(step->tokens > course->tokens, "%d tokens", (int)step->tokens);
    course->tokens = step->tokens;
    course->first_loss = step->done == 1 ? step->loss : course->first_loss;
    course->last_loss = step->loss;
    return step->done == course->stop;
}

static wkv7_model *built_in(const char *initial_state) {
    wkv7_model_options options;
    wkv7_model *model = NULL;
    OK(wkv7_model_options_init(&options, sizeof options));
    options.initial_state.data = initial_state;
    options.initial_state.len = initial_state == NULL ? 0 : strlen(initial_state);
    OK(wkv7_model_open_built_in(&options, &model));
    return model;
}

/* Tunes until step `stop`; 0 is no end before the last. */
static wkv7_state *tuned(const wkv7_model *model, struct course *course, uint64_t stop) {
    const wkv7_tune_pair pairs[] = {{{PROMPT, WKV7_NUL_TERMINATED}, {ANSWER, sizeof ANSWER - 1}}};
    wkv7_tune_options options;
    wkv7_state *state = NULL;
    memset(course, 0, sizeof *course);
    course->stop = stop;
    OK(wkv7_tune_options_init(&options, sizeof options));
    options.steps = STEPS;
    options.warmup_steps = 1;
    options.threads = 1;
    OK(wkv7_model_tune_state(model, pairs, 1, &options, hear, course, &state));
    return state;
}

/* A session that was fed the prompt, from `state` or from where sessions start. */
static wkv7_session *prompted(const wkv7_model *model, const wkv7_state *state) {
    wkv7_session *session = NULL;
    OK(wkv7_session_new(model, &session));
    if (state != NULL) {
        OK(wkv7_session_set_state(session, state));
    }
    OK(wkv7_session_feed_text(session, PROMPT, WKV7_NUL_TERMINATED, NULL));
    return session;
}

static int32_t collect(void *user, const wkv7_piece *piece) {
    strncat(user, piece->text, 255 - strlen(user));
    return 0;
}

/* What the model says after the prompt. */
static const char *answer(const wkv7_model *model, const wkv7_state *state) {
    static char text[256];
    wkv7_session *session = prompted(model, state);
    wkv7_sampler *sampler = greedy();
    wkv7_generate_options options;
    OK(wkv7_generate_options_init(&options, sizeof options));
    options.max_tokens = 40;
    text[0] = '\0';
    OK(wkv7_session_generate(session, sampler, &options, collect, text, NULL));
    wkv7_sampler_free(sampler);
    wkv7_session_free(session);
    return text;
}

static int same_memory(const wkv7_state *one, const wkv7_state *other) {
    const float *a, *b;
    size_t count, other_count;
    OK(wkv7_state_get_part(one, WKV7_STATE_WKV, &a, &count));
    OK(wkv7_state_get_part(other, WKV7_STATE_WKV, &b, &other_count));
    return count == other_count && memcmp(a, b, count * sizeof *a) == 0;
}

/* A file of the state is where another model's sessions start. */
static void kept(const wkv7_model *model, const wkv7_state *state, const char *folder, const char *name) {
    char path[LONGEST_PATH];
    wkv7_state *read = NULL;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    OK(wkv7_state_save_tuned(state, path, WKV7_NUL_TERMINATED));
    OK(wkv7_state_load_tuned(model, path, WKV7_NUL_TERMINATED, 0, &read));
    CHECK(same_memory(state, read), "%s is what was written", path);
    wkv7_state_free(read);

    wkv7_model *started = built_in(path);
    wkv7_session *one = prompted(model, state), *other = prompted(started, NULL);
    const float *a, *b;
    size_t count;
    OK(wkv7_session_logits(one, &a, &count));
    OK(wkv7_session_logits(other, &b, &count));
    CHECK(memcmp(a, b, count * sizeof *a) == 0, "a model that starts from %s gives the same logits", path);
    wkv7_session_free(one);
    wkv7_session_free(other);
    wkv7_model_free(started);
    remove(path);
}

static void refused(const wkv7_model *model, const wkv7_state *good) {
    wkv7_tune_pair pair = {{PROMPT, WKV7_NUL_TERMINATED}, {ANSWER, WKV7_NUL_TERMINATED}};
    wkv7_tune_options options;
    wkv7_state *state = NULL;
    OK(wkv7_tune_options_init(&options, sizeof options));
    FAILS(WKV7_ERR_ARGUMENT, wkv7_model_tune_state(model, &pair, 0, NULL, NULL, NULL, &state));
    CHECK(strstr(wkv7_last_error(), "found 0 samples") != NULL, "it says what is missing");
    FAILS(WKV7_ERR_NULL, wkv7_model_tune_state(model, NULL, 1, NULL, NULL, NULL, &state));
    FAILS(WKV7_ERR_NULL, wkv7_model_tune_state(NULL, &pair, 1, NULL, NULL, NULL, &state));
    FAILS(WKV7_ERR_NULL, wkv7_model_tune_state(model, &pair, 1, NULL, NULL, NULL, NULL));
    const double wrong[] = {-1, NAN, INFINITY};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        options.first_rate = wrong[i], options.last_rate = 0;
        FAILS(WKV7_ERR_ARGUMENT, wkv7_model_tune_state(model, &pair, 1, &options, NULL, NULL, &state));
        options.first_rate = 0, options.last_rate = wrong[i];
        FAILS(WKV7_ERR_ARGUMENT, wkv7_model_tune_state(model, &pair, 1, &options, NULL, NULL, &state));
    }
    options.last_rate = 0, options.threads = SIZE_MAX;
    FAILS(WKV7_ERR_ARGUMENT, wkv7_model_tune_state(model, &pair, 1, &options, NULL, NULL, &state));
    options.threads = 0, options.context = 2; /* which cuts off all of the answer */
    FAILS(WKV7_ERR_ARGUMENT, wkv7_model_tune_state(model, &pair, 1, &options, NULL, NULL, &state));
    pair.answer.data = "a\xff", pair.answer.len = 2;
    FAILS(WKV7_ERR_UTF8, wkv7_model_tune_state(model, &pair, 1, NULL, NULL, NULL, &state));
    CHECK(strstr(wkv7_last_error(), "`answer`") != NULL, "it says which text");
    pair.prompt.data = NULL;
    FAILS(WKV7_ERR_NULL, wkv7_model_tune_state(model, &pair, 1, NULL, NULL, NULL, &state));
    CHECK(state == NULL, "no state where it failed");
    FAILS(WKV7_ERR_UNSUPPORTED, wkv7_state_save_tuned(good, "state.txt", WKV7_NUL_TERMINATED));
    FAILS(WKV7_ERR_UNSUPPORTED, wkv7_state_save_tuned(good, "no/such/folder/state.pth", WKV7_NUL_TERMINATED));
}

int main(int argc, char **argv) {
    struct course course;
    CHECK(argc == 2, "usage: tune FOLDER");
    CHECK(wkv7_has_feature("tune", WKV7_NUL_TERMINATED) == 1, "%s", wkv7_build_info());
    wkv7_model *model = built_in(NULL);
    wkv7_state *state = tuned(model, &course, 0);
    CHECK(course.calls == STEPS && course.last_loss < course.first_loss / 4, "loss %g, then %g after %d steps",
          course.first_loss, course.last_loss, (int)course.calls);
    printf("loss %.3f, then %.3f\n", course.first_loss, course.last_loss);
    CHECK(strncmp(answer(model, NULL), ANSWER, sizeof ANSWER - 1) != 0, "it has something to learn");
    CHECK(strncmp(answer(model, state), ANSWER, sizeof ANSWER - 1) == 0, "it says `%s`", answer(model, state));

    wkv7_state *again = tuned(model, &course, 0), *early = tuned(model, &course, 2);
    wkv7_state *zeros = NULL;
    CHECK(same_memory(state, again), "the same again");
    OK(wkv7_state_new(model, &zeros));
    CHECK(course.calls == 2 && !same_memory(early, zeros) && !same_memory(early, state), "%d steps",
          (int)course.calls);
    wkv7_state_free(zeros);
    wkv7_state_free(again);
    wkv7_state_free(early);

    kept(model, state, argv[1], "tune.pth");
    kept(model, state, argv[1], "tune.safetensors");
    refused(model, state);
    wkv7_state_free(state);
    wkv7_model_free(model);
    return 0;
}
