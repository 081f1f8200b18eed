/* What a program outside this repository looks like: C99, only the installed header. Prints 64 greedy tokens' text. */
#include <stdio.h>
#include <wkv7.h>

static int32_t show(void *user, const wkv7_piece *piece) {
    (void)user;
    return fwrite(piece->text, 1, piece->text_len, stdout) != piece->text_len;
}

int main(int argc, char **argv) {
    wkv7_model *model = NULL;
    wkv7_session *session = NULL;
    wkv7_sampler *sampler = NULL;
    wkv7_sampler_options greedy;
    wkv7_generate_options options;
    if (argc != 2) {
        fprintf(stderr, "usage: main MODEL\n");
        return 2;
    }
    wkv7_status status = wkv7_model_open(argv[1], WKV7_NUL_TERMINATED, NULL, &model);
    if (status == WKV7_OK) status = wkv7_session_new(model, &session);
    if (status == WKV7_OK) status = wkv7_session_feed_text(session, "Once upon a time", WKV7_NUL_TERMINATED, NULL);
    if (status == WKV7_OK) status = wkv7_sampler_options_init(&greedy, sizeof greedy, NULL);
    if (status == WKV7_OK) {
        greedy.temperature = greedy.presence = greedy.frequency = 0;
        status = wkv7_sampler_new(&greedy, &sampler);
    }
    if (status == WKV7_OK) status = wkv7_generate_options_init(&options, sizeof options);
    if (status == WKV7_OK) {
        options.max_tokens = 64;
        status = wkv7_session_generate(session, sampler, &options, show, NULL, NULL);
    }
    if (status != WKV7_OK) fprintf(stderr, "error: %s\n", wkv7_last_error());
    wkv7_sampler_free(sampler);
    wkv7_session_free(session);
    wkv7_model_free(model);
    return status != WKV7_OK;
}
