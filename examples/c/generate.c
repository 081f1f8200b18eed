/* generate MODEL PROMPT [SEED]: continues a text, piece by piece as it comes. The same seed gives the same text. */

#include <stdio.h>
#include <stdlib.h>

#include <wkv7.h>

/* Ends the program where a call failed, with the library's own words. */
static void check(wkv7_status status)
{
    if (status != WKV7_OK) {
        fprintf(stderr, "generate: %s\n", wkv7_last_error());
        exit(1);
    }
}

/* Gets each piece; a result other than 0 would end the generation. */
static int32_t print(void *user, const wkv7_piece *piece)
{
    (void)user;
    fwrite(piece->text, 1, piece->text_len, stdout);
    return fflush(stdout) != 0;
}

int main(int argc, char **argv)
{
    wkv7_model *model;
    wkv7_session *session;
    wkv7_sampler *sampler;
    wkv7_sampler_options sampling;
    wkv7_generate_options options;
    wkv7_generation_result result;

    if (argc < 3) {
        fprintf(stderr, "usage: generate MODEL PROMPT [SEED]\n");
        return 2;
    }
    check(wkv7_model_open(argv[1], WKV7_NUL_TERMINATED, NULL, &model));
    check(wkv7_session_new(model, &session));

    /* What the model's family recommends, and a seed where one is given. */
    check(wkv7_sampler_options_init(&sampling, sizeof sampling, model));
    if (argc > 3) {
        sampling.seeded = 1;
        sampling.seed = strtoull(argv[3], NULL, 10);
    }
    check(wkv7_sampler_new(&sampling, &sampler));

    check(wkv7_generate_options_init(&options, sizeof options));
    options.max_tokens = 200;
    result.struct_size = sizeof result;

    printf("%s", argv[2]);
    check(wkv7_session_feed_text(session, argv[2], WKV7_NUL_TERMINATED, NULL));
    check(wkv7_session_generate(session, sampler, &options, print, NULL, &result));
    printf("\n");
    fprintf(stderr, "%llu tokens in %.2f s\n", (unsigned long long)result.tokens, result.seconds);

    wkv7_sampler_free(sampler);
    wkv7_session_free(session);
    wkv7_model_free(model);
    return 0;
}
