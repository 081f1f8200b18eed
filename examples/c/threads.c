/* threads MODEL PROMPT...: continues every prompt on a thread of its own, all with one model. The numbers do not depend on
 * what the other threads do. */

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <wkv7.h>

enum { TOKENS = 40 };

struct work {
    const wkv7_model *model;
    const char *prompt;
    pthread_t thread;
    char text[TOKENS * 256]; /* no token of a usual vocabulary is longer */
    size_t text_len;
    char error[256]; /* empty where there was none */
};

static int32_t collect(void *user, const wkv7_piece *piece)
{
    struct work *work = user;
    if (piece->text_len >= sizeof work->text - work->text_len)
        return 1;
    memcpy(work->text + work->text_len, piece->text, piece->text_len);
    work->text_len += piece->text_len;
    return 0;
}

/* A session belongs to one thread at a time, a model to all. */
static void *run(void *argument)
{
    struct work *work = argument;
    wkv7_session *session = NULL;
    wkv7_sampler *sampler = NULL;
    wkv7_sampler_options sampling;
    wkv7_generate_options options;
    wkv7_status status = wkv7_session_new(work->model, &session);

    if (status == WKV7_OK)
        status = wkv7_sampler_options_init(&sampling, sizeof sampling, work->model);
    if (status == WKV7_OK) {
        sampling.seeded = 1;
        sampling.seed = 1;
        status = wkv7_sampler_new(&sampling, &sampler);
    }
    if (status == WKV7_OK)
        status = wkv7_generate_options_init(&options, sizeof options);
    if (status == WKV7_OK) {
        options.max_tokens = TOKENS;
        status = wkv7_session_feed_text(session, work->prompt, WKV7_NUL_TERMINATED, NULL);
    }
    if (status == WKV7_OK)
        status = wkv7_session_generate(session, sampler, &options, collect, work, NULL);
    if (status != WKV7_OK) /* the text is this thread's: take it along */
        snprintf(work->error, sizeof work->error, "%s", wkv7_last_error());
    wkv7_sampler_free(sampler);
    wkv7_session_free(session);
    return NULL;
}

int main(int argc, char **argv)
{
    wkv7_model *model;
    struct work *works;
    int failed = 0;

    if (argc < 3) {
        fprintf(stderr, "usage: threads MODEL PROMPT...\n");
        return 2;
    }
    if (wkv7_model_open(argv[1], WKV7_NUL_TERMINATED, NULL, &model) != WKV7_OK) {
        fprintf(stderr, "threads: %s\n", wkv7_last_error());
        return 1;
    }
    works = calloc((size_t)argc - 2, sizeof *works);
    if (works == NULL) {
        fprintf(stderr, "threads: no memory\n");
        return 1;
    }
    for (int i = 0; i < argc - 2; i++) {
        works[i].model = model;
        works[i].prompt = argv[i + 2];
        if (pthread_create(&works[i].thread, NULL, run, &works[i]) != 0) {
            fprintf(stderr, "threads: no thread for prompt %d\n", i + 1);
            return 1;
        }
    }
    for (int i = 0; i < argc - 2; i++) {
        pthread_join(works[i].thread, NULL);
        if (works[i].error[0] != '\0') {
            fprintf(stderr, "threads: %s: %s\n", works[i].prompt, works[i].error);
            failed = 1;
        } else {
            printf("%s%.*s\n", works[i].prompt, (int)works[i].text_len, works[i].text);
        }
    }
    free(works);
    wkv7_model_free(model);
    return failed;
}
