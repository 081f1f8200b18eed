/* chat MODEL [SEED]: a conversation over standard input, one line a turn. Answers appear as they are made; Ctrl-C stops the
 * answer, an end of file the program. */

#define _POSIX_C_SOURCE 200809L

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <wkv7.h>

static volatile sig_atomic_t interrupted;

static void interrupt(int signal)
{
    (void)signal;
    interrupted = 1;
}

static void check(wkv7_status status)
{
    if (status != WKV7_OK) {
        fprintf(stderr, "chat: %s\n", wkv7_last_error());
        exit(1);
    }
}

static int32_t print(void *user, const wkv7_piece *piece)
{
    (void)user;
    fwrite(piece->text, 1, piece->text_len, stdout);
    fflush(stdout);
    return interrupted;
}

/* Writes what to feed for a line: the conversation's beginning, or its next turn. A two-call text. */
static wkv7_status render(const wkv7_chat_options *chat, const char *line, int first, char *text, size_t *len)
{
    const wkv7_message message = {{line, WKV7_NUL_TERMINATED}, WKV7_ROLE_USER};
    return first ? wkv7_chat_render(chat, &message, 1, text, len) : wkv7_chat_turn(chat, &message, text, len);
}

/* Feeds a line as the user's: asks for the length of its text, then for the text. */
static void feed(wkv7_session *session, const wkv7_chat_options *chat, const char *line, int first)
{
    size_t len = 0;
    char *text;
    check(render(chat, line, first, NULL, &len));
    text = malloc(len);
    if (text == NULL) {
        fprintf(stderr, "chat: no memory for %zu bytes\n", len);
        exit(1);
    }
    check(render(chat, line, first, text, &len));
    check(wkv7_session_feed_text(session, text, len, NULL));
    free(text);
}

int main(int argc, char **argv)
{
    wkv7_model *model;
    wkv7_session *session;
    wkv7_sampler *sampler;
    wkv7_sampler_options sampling;
    wkv7_chat_options chat;
    wkv7_generate_options options;
    char line[4096], stop[64];
    size_t stop_len = sizeof stop;
    wkv7_text stops[1];

    if (argc < 2) {
        fprintf(stderr, "usage: chat MODEL [SEED]\n");
        return 2;
    }
    check(wkv7_model_open(argv[1], WKV7_NUL_TERMINATED, NULL, &model));
    check(wkv7_session_new(model, &session));
    check(wkv7_sampler_options_init(&sampling, sizeof sampling, model));
    sampling.seeded = argc > 2;
    sampling.seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
    check(wkv7_sampler_new(&sampling, &sampler));

    /* An answer ends where the next turn would begin. */
    check(wkv7_chat_options_init(&chat, sizeof chat));
    check(wkv7_chat_stop(&chat, 0, stop, &stop_len));
    stops[0].data = stop;
    stops[0].len = stop_len;
    check(wkv7_generate_options_init(&options, sizeof options));
    options.stop = stops;
    options.stop_count = 1;
    options.max_tokens = 500;

    struct sigaction action = {0};
    action.sa_handler = interrupt;
    sigaction(SIGINT, &action, NULL);
    for (int first = 1; printf("> "), fflush(stdout), fgets(line, sizeof line, stdin) != NULL; first = 0) {
        line[strcspn(line, "\n")] = '\0';
        feed(session, &chat, line, first);
        interrupted = 0;
        check(wkv7_session_generate(session, sampler, &options, print, NULL, NULL));
        printf("\n");
    }
    printf("\n");

    wkv7_sampler_free(sampler);
    wkv7_session_free(session);
    wkv7_model_free(model);
    return 0;
}
