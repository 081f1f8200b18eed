/* state save MODEL FILE TEXT    reads a text and saves what the model remembers of it
 * state load MODEL FILE [TEXT]  goes on from there, without reading the first text again
 *
 * A state file has the same size however long the text was, and knows its model: another one refuses it. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <wkv7.h>

static void check(wkv7_status status)
{
    if (status != WKV7_OK) {
        fprintf(stderr, "state: %s\n", wkv7_last_error());
        exit(1);
    }
}

static int32_t print(void *user, const wkv7_piece *piece)
{
    (void)user;
    fwrite(piece->text, 1, piece->text_len, stdout);
    return 0;
}

static void save(wkv7_session *session, const char *file, const char *text)
{
    wkv7_state *state;
    uint64_t tokens;
    check(wkv7_session_feed_text(session, text, WKV7_NUL_TERMINATED, NULL));
    check(wkv7_session_state(session, &state));
    check(wkv7_state_save(state, file, WKV7_NUL_TERMINATED));
    check(wkv7_state_tokens_seen(state, &tokens));
    printf("%llu tokens are remembered in %s\n", (unsigned long long)tokens, file);
    wkv7_state_free(state);
}

static void load(wkv7_session *session, const wkv7_model *model, const char *file, const char *text)
{
    wkv7_state *state;
    wkv7_sampler *sampler;
    wkv7_sampler_options sampling;
    wkv7_generate_options options;

    check(wkv7_state_load(model, file, WKV7_NUL_TERMINATED, &state));
    check(wkv7_session_set_state(session, state));
    wkv7_state_free(state); /* the session has all of it */
    check(wkv7_session_feed_text(session, text, WKV7_NUL_TERMINATED, NULL));

    check(wkv7_sampler_options_init(&sampling, sizeof sampling, model));
    sampling.temperature = sampling.presence = sampling.frequency = 0; /* greedy: the same text each time */
    check(wkv7_sampler_new(&sampling, &sampler));
    check(wkv7_generate_options_init(&options, sizeof options));
    options.max_tokens = 100;
    printf("%s", text);
    check(wkv7_session_generate(session, sampler, &options, print, NULL, NULL));
    printf("\n");
    wkv7_sampler_free(sampler);
}

int main(int argc, char **argv)
{
    wkv7_model *model;
    wkv7_session *session;
    int saves = argc == 5 && strcmp(argv[1], "save") == 0;

    if (!saves && (argc < 4 || argc > 5 || strcmp(argv[1], "load") != 0)) {
        fprintf(stderr, "usage: state save MODEL FILE TEXT\n       state load MODEL FILE [TEXT]\n");
        return 2;
    }
    check(wkv7_model_open(argv[2], WKV7_NUL_TERMINATED, NULL, &model));
    check(wkv7_session_new(model, &session));
    if (saves)
        save(session, argv[3], argv[4]);
    else
        load(session, model, argv[3], argc > 4 ? argv[4] : "");
    wkv7_session_free(session);
    wkv7_model_free(model);
    return 0;
}
