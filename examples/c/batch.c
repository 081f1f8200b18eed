/* batch MODEL PROMPT...: continues all prompts together, one forward for the next token of each. The weights are read once
 * for all of them, so that this is faster than one after another; the numbers are the same. */

#include <stdio.h>
#include <stdlib.h>

#include <wkv7.h>

enum { TOKENS = 40 };

struct sequence {
    wkv7_session *session;
    wkv7_sampler *sampler;
    uint32_t tokens[TOKENS]; /* what was generated */
};

static void check(wkv7_status status)
{
    if (status != WKV7_OK) {
        fprintf(stderr, "batch: %s\n", wkv7_last_error());
        exit(1);
    }
}

static void *room(size_t count, size_t size)
{
    void *place = calloc(count, size);
    if (place == NULL) {
        fprintf(stderr, "batch: no memory for %zu bytes\n", count * size);
        exit(1);
    }
    return place;
}

/* Adds a prompt's tokens as a step of the first forward. */
static void add_prompt(wkv7_batch *batch, wkv7_session *session, const wkv7_tokenizer *tokenizer, const char *prompt)
{
    size_t count = 0;
    uint32_t *tokens;
    check(wkv7_tokenizer_encode(tokenizer, prompt, WKV7_NUL_TERMINATED, NULL, &count));
    tokens = room(count, sizeof *tokens);
    check(wkv7_tokenizer_encode(tokenizer, prompt, WKV7_NUL_TERMINATED, tokens, &count));
    check(wkv7_batch_add(batch, session, tokens, count, WKV7_WANT_LAST)); /* copies them */
    free(tokens);
}

/* Prints what a sequence has become. */
static void print(const wkv7_tokenizer *tokenizer, const char *prompt, const struct sequence *sequence)
{
    size_t len = 0;
    char *text;
    check(wkv7_tokenizer_decode(tokenizer, sequence->tokens, TOKENS, NULL, &len));
    text = room(len + 1, 1);
    check(wkv7_tokenizer_decode(tokenizer, sequence->tokens, TOKENS, text, &len));
    printf("%s%s\n", prompt, text);
    free(text);
}

int main(int argc, char **argv)
{
    wkv7_model *model;
    wkv7_tokenizer *tokenizer;
    wkv7_batch *batch;
    wkv7_sampler_options sampling;
    size_t count = argc < 3 ? 0 : (size_t)argc - 2;
    struct sequence *sequences;

    if (count == 0) {
        fprintf(stderr, "usage: batch MODEL PROMPT...\n");
        return 2;
    }
    check(wkv7_model_open(argv[1], WKV7_NUL_TERMINATED, NULL, &model));
    check(wkv7_model_tokenizer(model, &tokenizer));
    check(wkv7_batch_new(model, &batch));
    check(wkv7_sampler_options_init(&sampling, sizeof sampling, model));
    sampling.seeded = 1;
    sampling.seed = 1;

    sequences = room(count, sizeof *sequences);
    for (size_t i = 0; i < count; i++) {
        check(wkv7_session_new(model, &sequences[i].session));
        check(wkv7_sampler_new(&sampling, &sequences[i].sampler)); /* penalties differ by sequence */
        add_prompt(batch, sequences[i].session, tokenizer, argv[i + 2]);
    }
    for (int step = 0; step < TOKENS; step++) {
        check(wkv7_batch_run(batch));
        for (size_t i = 0; i < count; i++) {
            const float *logits;
            size_t vocab;
            uint32_t *token = &sequences[i].tokens[step];
            check(wkv7_batch_logits(batch, i, &logits, &vocab));
            check(wkv7_sampler_sample(sequences[i].sampler, logits, vocab, token));
            check(wkv7_sampler_accept(sequences[i].sampler, *token, tokenizer));
        }
        check(wkv7_batch_clear(batch));
        for (size_t i = 0; i < count; i++)
            check(wkv7_batch_add(batch, sequences[i].session, &sequences[i].tokens[step], 1, WKV7_WANT_LAST));
    }
    for (size_t i = 0; i < count; i++) {
        print(tokenizer, argv[i + 2], &sequences[i]);
        wkv7_sampler_free(sequences[i].sampler);
        wkv7_session_free(sequences[i].session);
    }
    free(sequences);
    wkv7_batch_free(batch);
    wkv7_tokenizer_free(tokenizer);
    wkv7_model_free(model);
    return 0;
}
