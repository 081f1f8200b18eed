/* interop write|check LANG: leaves what this language's program got in $WKV7_INTEROP, for comparing languages bit for bit.
 *
 *   write  feeds a text to the model $WKV7_MODEL; LANG.logits gets the logits, little-endian f32, LANG.state the session's
 *          state file, LANG.tokens 64 greedy tokens
 *   check  goes on from every OTHER.state in turn; LANG.from.OTHER.tokens gets 64 greedy tokens
 */

#define _POSIX_C_SOURCE 200809L

#include <dirent.h>
#include <inttypes.h>
#include <stdint.h>

#include "check.h"

enum { TOKENS = 64, LONGEST_PATH = 4096 };

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "interop: %s: %s\n", what, why);
    exit(1);
}

/* Ends the program where a call failed. */
static void check(const char *what, wkv7_status status)
{
    if (status != WKV7_OK)
        fail(what, wkv7_last_error());
}

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    if (value == NULL)
        fail(name, "expected an environment variable, it is not set");
    return value;
}

/* $WKV7_INTEROP/LANG.KIND, until the next call. */
static const char *place(const char *lang, const char *kind)
{
    static char path[LONGEST_PATH];
    int length = snprintf(path, sizeof path, "%s/%s.%s", variable("WKV7_INTEROP"), lang, kind);
    if (length < 0 || length >= (int)sizeof path)
        fail(lang, "the path is too long");
    return path;
}

static FILE *create(const char *path)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL)
        fail(path, "cannot be written");
    return file;
}

static void finish(FILE *file, const char *path)
{
    int failed = ferror(file);
    if (fclose(file) != 0 || failed)
        fail(path, "cannot be written");
}

/* The logits as little-endian f32, whatever this machine's order. */
static void write_logits(const wkv7_session *session, const char *path)
{
    const float *logits;
    size_t count;
    check("logits", wkv7_session_logits(session, &logits, &count));
    FILE *file = create(path);
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &logits[i], sizeof bits);
        for (int shift = 0; shift < 32; shift += 8)
            putc((int)(bits >> shift & 0xff), file);
    }
    finish(file, path);
}

struct line {
    FILE *file;
    int tokens;
};

static int32_t write_token(void *user, const wkv7_piece *piece)
{
    struct line *line = user;
    fprintf(line->file, "%s%" PRIu32, line->tokens++ == 0 ? "" : " ", piece->token);
    return 0;
}

static void write_tokens(wkv7_session *session, const char *path)
{
    wkv7_generate_options options;
    check("options", wkv7_generate_options_init(&options, sizeof options));
    options.max_tokens = TOKENS;
    wkv7_sampler *sampler = greedy();
    struct line line = {create(path), 0};
    check("generate", wkv7_session_generate(session, sampler, &options, write_token, &line, NULL));
    putc('\n', line.file);
    finish(line.file, path);
    wkv7_sampler_free(sampler);
}

static void write_own(const wkv7_model *model, const char *lang)
{
    wkv7_session *session;
    wkv7_state *state;
    check("session", wkv7_session_new(model, &session));
    check("text", wkv7_session_feed_text(session, "Once upon a time", WKV7_NUL_TERMINATED, NULL));
    write_logits(session, place(lang, "logits"));
    check("state", wkv7_session_state(session, &state));
    check("save", wkv7_state_save(state, place(lang, "state"), WKV7_NUL_TERMINATED));
    write_tokens(session, place(lang, "tokens"));
    wkv7_state_free(state);
    wkv7_session_free(session);
}

/* Goes on from the state file of `other`. */
static void check_other(const wkv7_model *model, const char *lang, const char *other)
{
    wkv7_session *session;
    wkv7_state *state;
    char kind[512];
    int length = snprintf(kind, sizeof kind, "from.%s.tokens", other);
    if (length < 0 || length >= (int)sizeof kind)
        fail(other, "the name is too long");
    check("load", wkv7_state_load(model, place(other, "state"), WKV7_NUL_TERMINATED, &state));
    check("session", wkv7_session_new(model, &session));
    check("restore", wkv7_session_set_state(session, state));
    write_tokens(session, place(lang, kind));
    wkv7_state_free(state);
    wkv7_session_free(session);
}

static void check_others(const wkv7_model *model, const char *lang)
{
    const char *folder = variable("WKV7_INTEROP");
    DIR *files = opendir(folder);
    if (files == NULL)
        fail(folder, "cannot be listed");
    for (const struct dirent *file = readdir(files); file != NULL; file = readdir(files)) {
        char other[sizeof file->d_name];
        size_t length = strlen(file->d_name);
        if (length <= 6 || strcmp(file->d_name + length - 6, ".state") != 0)
            continue;
        memcpy(other, file->d_name, length - 6);
        other[length - 6] = '\0';
        check_other(model, lang, other);
    }
    closedir(files);
}

int main(int argc, char **argv)
{
    wkv7_model *model;
    int write = argc == 3 && strcmp(argv[1], "write") == 0;
    if (!write && (argc != 3 || strcmp(argv[1], "check") != 0))
        fail("usage", "interop write|check LANG");
    check("model", wkv7_model_open(variable("WKV7_MODEL"), WKV7_NUL_TERMINATED, NULL, &model));
    if (write)
        write_own(model, argv[2]);
    else
        check_others(model, argv[2]);
    wkv7_model_free(model);
    return 0;
}
