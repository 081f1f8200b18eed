/* decode N: prints the seconds that N steps take, each of which feeds a token and samples the next greedily: the fastest of
 * three runs. For measuring what the boundary between languages costs. The model is $WKV7_MODEL. */

#define _POSIX_C_SOURCE 200809L

#include <time.h>

#include "check.h"

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* The most likely next token. */
static uint32_t sample(wkv7_sampler *sampler, const wkv7_session *session)
{
    const float *logits;
    size_t count;
    uint32_t token;
    OK(wkv7_session_logits(session, &logits, &count));
    OK(wkv7_sampler_sample(sampler, logits, count, &token));
    return token;
}

/* Seconds of one run. */
static double run(wkv7_session *session, wkv7_sampler *sampler, long steps)
{
    OK(wkv7_session_reset(session));
    OK(wkv7_session_feed_text(session, "Once upon a time", WKV7_NUL_TERMINATED, NULL));
    uint32_t token = sample(sampler, session);
    double begun = now();
    for (long step = 0; step < steps; step++) {
        OK(wkv7_session_feed(session, &token, 1));
        token = sample(sampler, session);
    }
    return now() - begun;
}

int main(int argc, char **argv)
{
    const char *path = getenv("WKV7_MODEL");
    long steps = argc == 2 ? strtol(argv[1], NULL, 10) : 0;
    wkv7_model *model;
    wkv7_session *session;
    wkv7_sampler *sampler;
    double fastest = 0;

    if (path == NULL || steps < 1) {
        fprintf(stderr, "decode: usage: WKV7_MODEL=FILE decode N, with N at least 1\n");
        return 1;
    }
    OK(wkv7_model_open(path, WKV7_NUL_TERMINATED, NULL, &model));
    OK(wkv7_session_new(model, &session));
    sampler = greedy();
    for (int i = 0; i < 3; i++) {
        double seconds = run(session, sampler, steps);
        if (i == 0 || seconds < fastest)
            fastest = seconds;
    }
    printf("%.6f\n", fastest);
    wkv7_sampler_free(sampler);
    wkv7_session_free(session);
    wkv7_model_free(model);
    return 0;
}
