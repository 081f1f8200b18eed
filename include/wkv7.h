/* wkv7.h - an embeddable RWKV-7 engine. Version 0.1.0. Licence: MIT OR Apache-2.0.
 *
 * Made from crates/ffi by `cargo xtask header`; do not edit.
 *
 * CONVENTIONS, kept by every function
 *
 * Results    A function that can fail returns a wkv7_status, 0 being success. wkv7_status_message() says what a status
 *            means; wkv7_last_error() tells the whole story of this thread's last failure. Nothing is ever printed, and
 *            no panic or exception crosses this boundary.
 * Arguments  Inputs come first, outputs last. Outputs are written only on success, except the lengths of buffers.
 * Pointers   A pointer must be NULL or point to as many valid elements as its length says, which must stay unchanged
 *            during the call. NULL is answered with WKV7_ERR_NULL, except where the comment allows it and for arrays of
 *            length 0. No array may have more than 2^40 bytes.
 * Texts      UTF-8 with a length in bytes. WKV7_NUL_TERMINATED as the length means: up to the first NUL.
 * Buffers    "Two-call": the length argument says how much room there is and comes back as what is needed or was
 *            written. With NULL as the buffer, only that is told. A buffer that is too small gives WKV7_ERR_BUFFER. A text
 *            is ended with a NUL that is not counted, if there is room for it.
 * Structs    Options begin with struct_size, so that they can grow: an older program works with a newer library, and a
 *            newer program with an older library as long as it leaves the fields that the library lacks at zero. Pass
 *            sizeof the struct to its initialiser, then set what you want: `wkv7_model_options o;
 *            wkv7_model_options_init(&o, sizeof o);`. No struct is passed by value.
 * Callbacks  Get the pointer `user` that was given with them. A result of 0 means: go on. They must not leave by longjmp
 *            or an exception.
 * Handles    Made by a function with a last argument of type `wkv7_X **`, freed once by wkv7_X_free(), which takes NULL.
 *            Handles may be freed in any order: each keeps what it needs of the others.
 * Threads    Functions of one model or tokenizer may run at the same time. Every other handle is for one thread at a
 *            time, which may be another one for each call; whoever comes second gets WKV7_ERR_BUSY. Where a comment says
 *            "any thread", it means it. The views that some functions give are not locked: do not read one while another
 *            thread changes what it shows.
 */


#ifndef WKV7_H
#define WKV7_H

#include <stddef.h>
#include <stdint.h>
#define WKV7_VERSION_MAJOR 0
#define WKV7_VERSION_MINOR 1
#define WKV7_VERSION_PATCH 0

/* As the length of a text: the text ends at its first NUL. */
#define WKV7_NUL_TERMINATED SIZE_MAX


// Grows by one with every change that an older program would notice. Functions, statuses and fields that are merely
// added leave it as it is.
#define WKV7_ABI_VERSION 1

// What a function answers. The numbers never change; new ones are added at the end, so treat one that you do not
// know as an error.
enum wkv7_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // It worked.
    WKV7_OK = 0,
    // A pointer that must not be NULL is NULL.
    WKV7_ERR_NULL = 1,
    // A value outside its range, or a name that nothing has.
    WKV7_ERR_ARGUMENT = 2,
    // A text that is not UTF-8.
    WKV7_ERR_UTF8 = 3,
    // The buffer is too small; its length argument says what is needed.
    WKV7_ERR_BUFFER = 4,
    // The operating system refused a file.
    WKV7_ERR_IO = 5,
    // A file that is not what it should be, or is broken.
    WKV7_ERR_FILE = 6,
    // Something that this build or this backend cannot do.
    WKV7_ERR_UNSUPPORTED = 7,
    // The backend or device is not there.
    WKV7_ERR_UNAVAILABLE = 8,
    // All of the model's slots are in use.
    WKV7_ERR_NO_SLOT = 9,
    // Two things that belong to different models.
    WKV7_ERR_WRONG_MODEL = 10,
    // A token outside the vocabulary.
    WKV7_ERR_TOKEN = 11,
    // More than one call takes.
    WKV7_ERR_TOO_LARGE = 12,
    // No vocabulary, or a text or token that it cannot translate.
    WKV7_ERR_TOKENIZER = 13,
    // There are no logits yet: feed at least one token first.
    WKV7_ERR_NOTHING_FED = 14,
    // An earlier error left the session without a valid state: reset it or give it one.
    WKV7_ERR_BROKEN = 15,
    // Another call is using the handle: from another thread, a callback, or an open generation.
    WKV7_ERR_BUSY = 16,
    // A callback or another thread asked to stop.
    WKV7_ERR_CANCELLED = 17,
    // The device failed, or its memory is full.
    WKV7_ERR_DEVICE = 18,
    // A bug in the library: it panicked, and this call caught it. The handles of this call are best freed.
    WKV7_ERR_PANIC = 19,
    // A logit that no sampler can use, or no token left to sample.
    WKV7_ERR_SAMPLING = 20,
    // Another error; the text says which.
    WKV7_ERR_OTHER = 21,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum wkv7_status wkv7_status;
#else
typedef int32_t wkv7_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// How much a log message matters. More may come between or after these.
enum wkv7_log_level
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // As a limit: no messages.
    WKV7_LOG_OFF = 0,
    // Something failed that no status tells.
    WKV7_LOG_ERROR = 1,
    // Something is not as it should be.
    WKV7_LOG_WARN = 2,
    // What was opened, and how.
    WKV7_LOG_INFO = 3,
    // For whoever looks for a fault.
    WKV7_LOG_DEBUG = 4,
    // Everything.
    WKV7_LOG_TRACE = 5,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum wkv7_log_level wkv7_log_level;
#else
typedef int32_t wkv7_log_level;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// The parts of a state.
enum wkv7_state_part
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // [layers, channels]: each layer's last time mix input.
    WKV7_STATE_ATT_SHIFT = 0,
    // [layers, heads, head size (value), head size (key)]: the recurrent memory.
    WKV7_STATE_WKV = 1,
    // [layers, channels]: each layer's last channel mix input.
    WKV7_STATE_FFN_SHIFT = 2,
    // [vocab]: the logits after the last token; empty where there are none.
    WKV7_STATE_LOGITS = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum wkv7_state_part wkv7_state_part;
#else
typedef int32_t wkv7_state_part;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// Why a generation ended.
enum wkv7_stop_reason
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // It goes on, or ended with an error.
    WKV7_STOP_NONE = 0,
    // The end of text or another stop token was sampled.
    WKV7_STOP_TOKEN = 1,
    // A stop text appeared.
    WKV7_STOP_TEXT = 2,
    // As many tokens as were asked for.
    WKV7_STOP_MAX_TOKENS = 3,
    // The callback said so.
    WKV7_STOP_CALLBACK = 4,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum wkv7_stop_reason wkv7_stop_reason;
#else
typedef int32_t wkv7_stop_reason;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What a step asks for.
enum wkv7_want
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // Nothing: only the state matters.
    WKV7_WANT_NOTHING = 0,
    // The logits after the step's last token.
    WKV7_WANT_LAST = 1,
    // The logits after each of the step's tokens.
    WKV7_WANT_ALL = 2,
    // The hidden state after the step's last token.
    WKV7_WANT_HIDDEN = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum wkv7_want wkv7_want;
#else
typedef int32_t wkv7_want;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// Who speaks.
enum wkv7_role
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // Whoever set the model its task.
    WKV7_ROLE_SYSTEM = 0,
    // Whoever asks.
    WKV7_ROLE_USER = 1,
    // The model.
    WKV7_ROLE_ASSISTANT = 2,
    // A function's output.
    WKV7_ROLE_TOOL = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum wkv7_role wkv7_role;
#else
typedef int32_t wkv7_role;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// Steps of many sessions that share every weight that is read. For one thread at a time. It keeps its model, and its
// sessions until it is cleared.
typedef struct wkv7_batch wkv7_batch;

// Turns tokens into text as they come; no character is cut. For one thread at a time. It keeps its vocabulary.
typedef struct wkv7_decoder wkv7_decoder;

// Pieces of text, made as they are asked for. While it is open its session answers other calls with WKV7_ERR_BUSY. For
// one thread at a time.
typedef struct wkv7_generation wkv7_generation;

// A loaded model. May be used from any number of threads at once. Sessions, tokenizers and batches made from it keep
// what they need of it, so it can be freed before them.
typedef struct wkv7_model wkv7_model;

// Chooses tokens; remembers those that it accepted, for the penalties. For one thread at a time.
typedef struct wkv7_sampler wkv7_sampler;

// One sequence and all that it remembers. For one thread at a time, except wkv7_session_cancel(). It keeps its model.
typedef struct wkv7_session wkv7_session;

// All that a sequence remembers at one moment, with the last logits. Its size does not depend on the number of tokens.
// For one thread at a time.
typedef struct wkv7_state wkv7_state;

// A vocabulary. May be used from any number of threads at once.
typedef struct wkv7_tokenizer wkv7_tokenizer;

// Gets a log message, a UTF-8 text of `len` bytes that is not ended by a NUL and gone after the call. Called from any
// thread, also from several at once. It must not call wkv7_log().
typedef void (*wkv7_log_callback)(void *user, int32_t level, const char *message, size_t len);

// A text that belongs to whoever passed it.
typedef struct {
    // UTF-8; may be NULL where `len` is 0.
    const char *data;
    // Bytes, or WKV7_NUL_TERMINATED.
    size_t len;
} wkv7_text;

// Told how far loading is, in bytes; a result that is not 0 cancels it. Called from any thread, but never from two at
// once.
typedef int32_t (*wkv7_progress_callback)(void *user, uint64_t done, uint64_t total);

// How to open a model. Zero, or an empty text, is the default everywhere.
typedef struct {
    // sizeof(wkv7_model_options); wkv7_model_options_init() sets it.
    size_t struct_size;
    // "auto" (the default): the best graphics card where build and machine have one, else the CPU. Or one of
    // wkv7_backends(); "wgpu:INDEX" and "wgpu:NAME" choose one of wkv7_devices().
    wkv7_text backend;
    // "auto" (the default): the vocabulary inside the file, else one beside it, else by the size of the model's. Or
    // "world", "bytes", or the path of a vocabulary file.
    wkv7_text tokenizer;
    // Path of a tuned state or of a state file that every session starts from.
    wkv7_text initial_state;
    // Not 0: the tuned state is stored as (key, value), as web-rwkv's converter does.
    uint32_t initial_state_transposed;
    // Not 0: forbid every approximation that a backend would make for speed.
    uint32_t exact;
    // Sessions that can be open at once; 0 means 64.
    size_t slots;
    // Tokens that one forward takes; 0 means 1024. A prompt can be cancelled between two forwards.
    size_t max_tokens;
    // Threads of the CPU backend; 0 means one per core.
    size_t threads;
    // Told how far loading is; may be NULL.
    wkv7_progress_callback progress;
    // Handed to `progress`.
    void *progress_user;
} wkv7_model_options;

// Told that the library needs the bytes no more; called once, from any thread.
typedef void (*wkv7_release_callback)(void *user, const void *data, size_t len);

// What is known of a model.
typedef struct {
    // sizeof(wkv7_model_info), set by the caller before the call.
    size_t struct_size;
    // Layers.
    size_t layers;
    // Channels: the width of the model and of its hidden state.
    size_t channels;
    // Heads of each layer.
    size_t heads;
    // Channels of a head.
    size_t head_size;
    // Hidden units of the channel mix.
    size_t ffn;
    // Tokens of the vocabulary: the number of logits.
    size_t vocab;
    // Sessions that can be open at once.
    size_t slots;
    // Tokens that one forward takes.
    size_t max_tokens;
    // Numbers in all weights.
    uint64_t parameters;
    // Bytes of the file; 0 where there was none.
    uint64_t file_bytes;
    // Bytes of all weights.
    uint64_t weight_bytes;
    // Bytes that the backend copied or packed beside the mapped file when it loaded.
    uint64_t packed_bytes;
    // Bytes of weights that decoding one token touches.
    uint64_t bytes_per_token;
    // Multiplications and additions of one token.
    uint64_t operations_per_token;
    // The token that ends a text; -1 where the vocabulary has none or there is no vocabulary.
    int64_t end_of_text;
    // Identity of the weights, whatever the file: hexadecimal, ended by a NUL like the texts below.
    char fingerprint[72];
    // The element type of most bytes of the weights, such as "F16" or "Q8_0".
    char dtype[16];
    // The backend that runs it.
    char backend[24];
    // How it was stored; empty where there was no file.
    char format[32];
} wkv7_model_info;

// One of the largest logits.
typedef struct {
    // The token.
    uint32_t token;
    // Its logit.
    float logit;
    // Natural logarithm of its probability among all tokens.
    float log_probability;
} wkv7_top;

// What a session's calls took.
typedef struct {
    // sizeof(wkv7_stats), set by the caller before the call.
    size_t struct_size;
    // Tokens that the last call fed, or its generation made.
    uint64_t last_tokens;
    // Seconds that it took.
    double last_seconds;
    // Tokens that all calls fed.
    uint64_t fed_tokens;
    // Seconds that they took.
    double fed_seconds;
    // Tokens that all generations made.
    uint64_t generated_tokens;
    // Seconds that they took.
    double generated_seconds;
} wkv7_stats;

// What is added to the logit of a token.
typedef struct {
    // The token.
    uint32_t token;
    // A finite number, or minus infinity.
    float bias;
} wkv7_bias;

// How tokens are chosen. wkv7_sampler_options_init() sets the defaults, which are not zeros.
typedef struct {
    // sizeof(wkv7_sampler_options); wkv7_sampler_options_init() sets it.
    size_t struct_size;
    // Above 1 flattens the distribution, below 1 sharpens it; it acts after all cuts. 0 is greedy: the most likely
    // token, the lowest id among equals.
    float temperature;
    // Keeps the most likely tokens that together reach this probability; 1 cuts nothing.
    float top_p;
    // Drops tokens less likely than this part of the most likely one; 0 cuts nothing.
    float min_p;
    // Locally typical sampling; 1 cuts nothing.
    float typical_p;
    // Taken from the logit of every token generated before.
    float presence;
    // Taken from a token's logit as often as it was generated before.
    float frequency;
    // What a past occurrence is worth after each further token.
    float penalty_decay;
    // Not 0: use `seed`. 0: take a new seed each time.
    uint32_t seeded;
    // Makes a run repeatable.
    uint64_t seed;
    // Keeps this many most likely tokens; 0 cuts nothing.
    size_t top_k;
    // Tokens never sampled.
    const uint32_t *banned;
    // Number of `banned`.
    size_t banned_count;
    // Added to the logits of single tokens.
    const wkv7_bias *bias;
    // Number of `bias`.
    size_t bias_count;
} wkv7_sampler_options;

// What to generate. Zero is the default everywhere.
typedef struct {
    // sizeof(wkv7_generate_options); wkv7_generate_options_init() sets it.
    size_t struct_size;
    // Tokens to generate at most; 0 means 256.
    size_t max_tokens;
    // Texts at which to stop; none of their text is emitted.
    const wkv7_text *stop;
    // Number of `stop`.
    size_t stop_count;
    // Tokens at which to stop, besides the end of text, which always stops.
    const uint32_t *stop_tokens;
    // Number of `stop_tokens`.
    size_t stop_tokens_count;
} wkv7_generate_options;

// A generated token. More fields may follow in later versions.
typedef struct {
    // The text that became certain with it, UTF-8, ended by a NUL that is not counted. Whole characters only, so it
    // may be empty, or begin with a character that an earlier token began.
    const char *text;
    // Bytes of `text`.
    size_t text_len;
    // The token.
    uint32_t token;
    // Natural logarithm of the probability that the model gave it, before any penalty or cut.
    float log_probability;
} wkv7_piece;

// How a generation ended.
typedef struct {
    // sizeof(wkv7_generation_result), set by the caller before the call.
    size_t struct_size;
    // One of wkv7_stop_reason.
    int32_t reason;
    // The token at which it stopped, for WKV7_STOP_TOKEN.
    uint32_t stop_token;
    // Which of the texts it stopped at, for WKV7_STOP_TEXT.
    size_t stop_index;
    // Tokens handed out.
    uint64_t tokens;
    // Seconds that they took.
    double seconds;
} wkv7_generation_result;

// Gets a piece, which is gone after the call; a result that is not 0 ends the generation. Called from the thread that
// generates.
typedef int32_t (*wkv7_piece_callback)(void *user, const wkv7_piece *piece);

// How to tune. Zero is the default everywhere.
typedef struct {
    // sizeof(wkv7_tune_options); wkv7_tune_options_init() sets it.
    size_t struct_size;
    // Times that every pair is learned from; 0 means 4.
    uint64_t rounds;
    // Steps, in place of rounds; 0 means as many as the rounds take.
    uint64_t steps;
    // Pairs of a step at most; 0 means 16.
    size_t batch;
    // The learning rate after warming up; 0 means 1.
    double first_rate;
    // The learning rate at the end, reached along half a cosine; 0 means 0.01.
    double last_rate;
    // Steps over which the rate rises, at most half of all; 0 means 10.
    uint64_t warmup_steps;
    // Of the order of the pairs.
    uint64_t seed;
    // Tokens of a pair that are fed at most, prompt and answer together; what is longer is cut, and left out where nothing
    // of the answer remains. 0 means 512.
    size_t context;
    // Threads; 0 means one per core.
    size_t threads;
    // Not 0: feed token 0 first, as between the documents of pretraining.
    uint32_t lead;
    // Not 0: do not learn that token 0 ends an answer.
    uint32_t no_end;
} wkv7_tune_options;

// A prompt, and the answer that should follow it.
typedef struct {
    // What is given; where it is empty, all of the answer is learned but its first token.
    wkv7_text prompt;
    // What is learned.
    wkv7_text answer;
} wkv7_tune_pair;

// A step that was done. More fields may follow in later versions.
typedef struct {
    // Bytes of the struct that the library fills.
    size_t struct_size;
    // Steps done, this one included.
    uint64_t done;
    // Steps in all.
    uint64_t steps;
    // Mean cross-entropy of the step's answers before the step, in nats a token.
    double loss;
    // The part of their tokens that was the most likely one.
    double accuracy;
    // The learning rate.
    double rate;
    // Euclidean norm of the gradients before clipping.
    double norm;
    // Tokens fed since the beginning.
    uint64_t tokens;
    // Not 0: the step changed nothing, because its loss or norm is not finite.
    uint32_t skipped;
} wkv7_tune_progress;

// Told of a step, which is gone after the call; a result that is not 0 ends the tuning, which keeps what it has learned.
// Called from the thread that tunes.
typedef int32_t (*wkv7_tune_callback)(void *user, const wkv7_tune_progress *progress);

// How a conversation becomes text. An empty text is the default everywhere.
typedef struct {
    // sizeof(wkv7_chat_options); wkv7_chat_options_init() sets it.
    size_t struct_size;
    // The family of the model: "g1" (the default) or "world". `template` in other languages, where C++ keeps the word.
    wkv7_text family;
    // How the next answer thinks: "plain" (the default), "off", "fake", "think", "bit", "some" or "lot".
    wkv7_text think;
    // Functions that the model may call, as a JSON array of objects: name, and arguments, an array of objects: name, type,
    // optional. The next answer is then a call.
    wkv7_text tools;
} wkv7_chat_options;

// One turn of a conversation.
typedef struct {
    // What is said.
    wkv7_text text;
    // One of wkv7_role.
    int32_t role;
} wkv7_message;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/* ---- The library itself: versions, what it was built with, backends and devices, errors -------------------------- */

// The version of the ABI that the library has; compare it with the header's WKV7_ABI_VERSION.
uint32_t wkv7_abi_version(void);

// The version as a number that grows: 1000000 * major + 1000 * minor + patch.
uint32_t wkv7_version_number(void);

// The version as text, "0.1.0"; it lives as long as the library.
const char *wkv7_version(void);

// How the library was built, as a JSON object: version, abi_version, target, profile, features, backends; it lives as
// long as the library.
const char *wkv7_build_info(void);

// Whether the library has a feature, one of those in wkv7_build_info(): 1 or 0; 0 also for a name that is NULL or
// unknown.
int32_t wkv7_has_feature(const char *name, size_t name_len);

// What a status means, in a few words, for people; it lives as long as the library. For the whole story see
// wkv7_last_error().
const char *wkv7_status_message(int32_t status);

// What went wrong in the last call of this thread that did not answer WKV7_OK: names the file, the tensor, the
// argument, what was expected and what was found. Empty where nothing did. It lives until this thread's next call that
// fails.
const char *wkv7_last_error(void);

// The backends of this build, fastest first, as a JSON array of strings. A two-call text.
wkv7_status wkv7_backends(char *json, size_t *json_len);

// The devices that "wgpu:INDEX" or "wgpu:NAME" can name as a backend, as a JSON array of objects: index, name, kind,
// api, driver, and more. Empty in a build without the feature "wgpu". A two-call text; asking takes up to a second.
wkv7_status wkv7_devices(char *json, size_t *json_len);

/* ---- Log messages for the host ----------------------------------------------------------------------------------- */

// Sends the log messages of the whole process's library up to `level`, one of wkv7_log_level, to `callback`. NULL or
// WKV7_LOG_OFF ends it; a message that is on its way in another thread may still arrive. Without this call nothing is
// logged, and nothing is ever printed.
wkv7_status wkv7_log(int32_t level, wkv7_log_callback callback, void *user);

/* ---- How a model is opened --------------------------------------------------------------------------------------- */

// Sets every option to its default. `struct_size` is sizeof(wkv7_model_options).
wkv7_status wkv7_model_options_init(wkv7_model_options *options, size_t struct_size);

/* ---- Models ------------------------------------------------------------------------------------------------------ */

// Opens the checkpoint at `path`, a file or a folder, whatever its format: .pth, safetensors, a Hugging Face folder,
// GGUF, rwkv.cpp. `options` may be NULL. The weights stay in the file, which must not change while the model lives.
wkv7_status wkv7_model_open(const char *path, size_t path_len, const wkv7_model_options *options, wkv7_model **model);

// Opens the model inside the library, a very small one that tells little stories in English: for a first try, and for
// tests that need no file. `options` may be NULL. WKV7_ERR_UNSUPPORTED where wkv7_has_feature("built-in-model") is 0.
wkv7_status wkv7_model_open_built_in(const wkv7_model_options *options, wkv7_model **model);

// Opens a checkpoint of one file that lies in memory. With `release` the bytes are borrowed: they must stay as they are
// until `release(user, data, len)` is called, which also happens when this call fails. Without it they are copied.
// `options` may be NULL.
wkv7_status wkv7_model_from_memory(const void *data,
                                   size_t len,
                                   wkv7_release_callback release,
                                   void *user,
                                   const wkv7_model_options *options,
                                   wkv7_model **model);

// Frees a model; NULL is allowed.
void wkv7_model_free(wkv7_model *model);

// What is known of a model. Set `info->struct_size` to sizeof(wkv7_model_info) first.
wkv7_status wkv7_model_get_info(const wkv7_model *model, wkv7_model_info *info);

// All that is known of a model, as a JSON object: what wkv7_model_get_info() tells and, of varying content, the
// file's own metadata and chat template, bytes by element type, how the backend computes and what it packed. A two-call
// text.
wkv7_status wkv7_model_json(const wkv7_model *model, char *json, size_t *json_len);

/* ---- Vocabularies: text to tokens and back ----------------------------------------------------------------------- */

// The vocabulary of a model.
wkv7_status wkv7_model_tokenizer(const wkv7_model *model, wkv7_tokenizer **tokenizer);

// A vocabulary without a model: "world", "bytes", or the path of a file, the official text form or a tokenizer.json.
wkv7_status wkv7_tokenizer_open(const char *name, size_t name_len, wkv7_tokenizer **tokenizer);

// Frees a tokenizer; NULL is allowed.
void wkv7_tokenizer_free(wkv7_tokenizer *tokenizer);

// One more than the largest id that the vocabulary has.
wkv7_status wkv7_tokenizer_size(const wkv7_tokenizer *tokenizer, size_t *size);

// The token that ends a text; -1 where there is none.
wkv7_status wkv7_tokenizer_end_of_text(const wkv7_tokenizer *tokenizer, int64_t *token);

// The tokens of a text. Any bytes will do, except where a tokenizer.json wants UTF-8. A two-call array: `*count` tokens.
wkv7_status wkv7_tokenizer_encode(const wkv7_tokenizer *tokenizer,
                                  const char *text,
                                  size_t text_len,
                                  uint32_t *tokens,
                                  size_t *count);

// The bytes of tokens, joined; they may begin or end inside a character, see wkv7_decoder. A two-call array: `*len`
// bytes.
wkv7_status wkv7_tokenizer_decode(const wkv7_tokenizer *tokenizer,
                                  const uint32_t *tokens,
                                  size_t count,
                                  char *bytes,
                                  size_t *len);

// The bytes that a token stands for; none for the end of text and other special tokens. They live as long as the
// tokenizer.
wkv7_status wkv7_tokenizer_token(const wkv7_tokenizer *tokenizer, uint32_t token, const char **bytes, size_t *len);

/* ---- Decoding one token at a time into whole characters ---------------------------------------------------------- */

// A decoder at the start of a text.
wkv7_status wkv7_decoder_new(const wkv7_tokenizer *tokenizer, wkv7_decoder **decoder);

// Frees a decoder; NULL is allowed.
void wkv7_decoder_free(wkv7_decoder *decoder);

// Takes the next token. The text that is certain now, often none, lives until the decoder's next call.
wkv7_status wkv7_decoder_push(wkv7_decoder *decoder, uint32_t token, const char **text, size_t *text_len);

// Ends the text: half a character becomes U+FFFD, and the decoder is as new. The text lives until its next call.
wkv7_status wkv7_decoder_finish(wkv7_decoder *decoder, const char **text, size_t *text_len);

/* ---- Sessions: one sequence of tokens each ----------------------------------------------------------------------- */

// A new session, at the model's initial state.
wkv7_status wkv7_session_new(const wkv7_model *model, wkv7_session **session);

// Frees a session and its slot; NULL is allowed. An open generation, or a batch that it is in, keeps it.
void wkv7_session_free(wkv7_session *session);

// A second session that continues from here on its own.
wkv7_status wkv7_session_fork(const wkv7_session *session, wkv7_session **fork);

// A session of `model` that continues from here on another backend or device with the same weights.
wkv7_status wkv7_session_to(const wkv7_session *session, const wkv7_model *model, wkv7_session **moved);

// Goes back to where new sessions of the model start.
wkv7_status wkv7_session_reset(wkv7_session *session);

// Feeds tokens; the logits after the last are then there to be read.
wkv7_status wkv7_session_feed(wkv7_session *session, const uint32_t *tokens, size_t count);

// Feeds a text. `count` may be NULL; it gets the number of its tokens.
wkv7_status wkv7_session_feed_text(wkv7_session *session, const char *text, size_t text_len, size_t *count);

// Feeds tokens and writes the logits after each of them, [tokens, vocab], to a two-call array: `*logits_count` numbers.
// Nothing is fed where there is no buffer or it is too small.
wkv7_status wkv7_session_feed_all(wkv7_session *session,
                                  const uint32_t *tokens,
                                  size_t count,
                                  float *logits,
                                  size_t *logits_count);

// The largest logits after the last token, by falling logit, equal ones by rising token: as many as `tops` has room for
// or the vocabulary has, whichever is less. `*count` says how much room there is, and comes back as how many there are.
wkv7_status wkv7_session_top(const wkv7_session *session, wkv7_top *tops, size_t *count);

// Feeds tokens and tells the largest logits after the last as wkv7_session_top() does, without fetching all of them from
// a device. The session has no logits afterwards: to generate from it, feed with wkv7_session_feed().
wkv7_status wkv7_session_feed_top(wkv7_session *session,
                                  const uint32_t *tokens,
                                  size_t tokens_count,
                                  wkv7_top *tops,
                                  size_t *count);

// Feeds tokens and writes the hidden state after the last, which stands for all that was fed: the output of the last
// norm, [channels]. A two-call array: `*hidden_count` numbers, none without tokens. Nothing is fed where there is no
// buffer or it is too small. The session has no logits afterwards.
wkv7_status wkv7_session_embed(wkv7_session *session,
                               const uint32_t *tokens,
                               size_t tokens_count,
                               float *hidden,
                               size_t *hidden_count);

// The logits after the last token, one for each token of the vocabulary. A view, which lives until the session is
// advanced, changed or freed.
wkv7_status wkv7_session_logits(const wkv7_session *session, const float **logits, size_t *count);

// Tokens fed since the sequence began.
wkv7_status wkv7_session_tokens_seen(const wkv7_session *session, uint64_t *tokens);

// Asks the session to stop, from any thread: feeding stops between two forwards, generating before its next token, with
// WKV7_ERR_CANCELLED. It holds for later calls as well, until wkv7_session_clear_cancel(), so that it does not matter
// which of two threads comes first.
wkv7_status wkv7_session_cancel(const wkv7_session *session);

// Lets a cancelled session work again; what it was fed, it holds.
wkv7_status wkv7_session_clear_cancel(const wkv7_session *session);

// What the session's calls took. Set `stats->struct_size` to sizeof(wkv7_stats) first.
wkv7_status wkv7_session_stats(const wkv7_session *session, wkv7_stats *stats);

/* ---- Sampling, on its own over any logits ------------------------------------------------------------------------ */

// Sets every option to its default: that of `model`, or of the official pipeline where `model` is NULL. `struct_size` is
// sizeof(wkv7_sampler_options).
wkv7_status wkv7_sampler_options_init(wkv7_sampler_options *options,
                                      size_t struct_size,
                                      const wkv7_model *model);

// A sampler that has accepted nothing yet. `options` may be NULL: the official pipeline's.
wkv7_status wkv7_sampler_new(const wkv7_sampler_options *options, wkv7_sampler **sampler);

// Frees a sampler; NULL is allowed. A generation that uses it keeps it.
void wkv7_sampler_free(wkv7_sampler *sampler);

// Chooses a token from `count` logits. It counts for the penalties once it is accepted.
wkv7_status wkv7_sampler_sample(wkv7_sampler *sampler, const float *logits, size_t count, uint32_t *token);

// Counts a token for the penalties. With a tokenizer, which may be NULL, digits and the like are free of the frequency
// penalty, as in the official pipeline.
wkv7_status wkv7_sampler_accept(wkv7_sampler *sampler, uint32_t token, const wkv7_tokenizer *tokenizer);

// The probabilities that wkv7_sampler_sample() would draw from, one for each of `count` logits, written to
// `probabilities`, which has room for as many.
wkv7_status wkv7_sampler_probabilities(const wkv7_sampler *sampler,
                                       const float *logits,
                                       size_t count,
                                       float *probabilities);

// Forgets what was accepted and starts the seed's sequence anew.
wkv7_status wkv7_sampler_reset(wkv7_sampler *sampler);

// The seed in use: give it to another sampler to repeat the run.
wkv7_status wkv7_sampler_seed(const wkv7_sampler *sampler, uint64_t *seed);

/* ---- Generations: pieces of text, asked for or called back ------------------------------------------------------- */

// Sets every option to its default. `struct_size` is sizeof(wkv7_generate_options).
wkv7_status wkv7_generate_options_init(wkv7_generate_options *options, size_t struct_size);

// Begins to generate from where the session is. `sampler` may be NULL: the model's defaults, with a new seed. `options`
// may be NULL. Both need to live only for this call; a sampler that is used goes on being used.
wkv7_status wkv7_generation_start(wkv7_session *session,
                                  wkv7_sampler *sampler,
                                  const wkv7_generate_options *options,
                                  wkv7_generation **generation);

// Makes the next piece. `*piece` is NULL once the generation is over; otherwise it lives until the next call for this
// generation.
wkv7_status wkv7_generation_next(wkv7_generation *generation, const wkv7_piece **piece);

// How the generation ended, or how far it is. Set `result->struct_size` to sizeof(wkv7_generation_result) first.
wkv7_status wkv7_generation_get_result(const wkv7_generation *generation, wkv7_generation_result *result);

// Ends a generation; NULL is allowed. The session then holds exactly what was handed out, and can be used again: a stop
// text or a stop token, and what came after, was not fed.
void wkv7_generation_free(wkv7_generation *generation);

// Generates from where the session is, and calls `callback` with each piece. `sampler` may be NULL: the model's defaults,
// with a new seed. `options` and `result` may be NULL; otherwise set `result->struct_size` first. Afterwards the session
// holds exactly what was handed out.
wkv7_status wkv7_session_generate(wkv7_session *session,
                                  wkv7_sampler *sampler,
                                  const wkv7_generate_options *options,
                                  wkv7_piece_callback callback,
                                  void *user,
                                  wkv7_generation_result *result);

/* ---- States: all that a sequence remembers, as a value ----------------------------------------------------------- */

// The state of a sequence of `model` that has seen nothing: zeros.
wkv7_status wkv7_state_new(const wkv7_model *model, wkv7_state **state);

// Reads the state file at `path`; one of another model is refused.
wkv7_status wkv7_state_load(const wkv7_model *model, const char *path, size_t path_len, wkv7_state **state);

// Reads a tuned initial state at `path`, as trainers write it: tensors blocks.N.att.time_state. Not 0 in `transposed`: it
// is stored as (key, value), as web-rwkv's converter does.
wkv7_status wkv7_state_load_tuned(const wkv7_model *model,
                                  const char *path,
                                  size_t path_len,
                                  int32_t transposed,
                                  wkv7_state **state);

// Reads the bytes of a state file; one of another model is refused.
wkv7_status wkv7_state_from_bytes(const wkv7_model *model, const void *data, size_t len, wkv7_state **state);

// Frees a state; NULL is allowed.
void wkv7_state_free(wkv7_state *state);

// Writes a state file: safetensors, with the model's fingerprint. The place never holds half a file.
wkv7_status wkv7_state_save(const wkv7_state *state, const char *path, size_t path_len);

// Writes a tuned initial state, as wkv7_state_load_tuned() and other RWKV tools read it and `initial_state` of
// wkv7_model_options takes it: a .pth or a .safetensors, by the name of `path`. Only the recurrent memory is kept. The
// place never holds half a file.
wkv7_status wkv7_state_save_tuned(const wkv7_state *state, const char *path, size_t path_len);

// The bytes of a state file. A two-call array: `*len` bytes.
wkv7_status wkv7_state_to_bytes(const wkv7_state *state, void *data, size_t *len);

// A part, one of wkv7_state_part. A view, which lives until the state is changed or freed.
wkv7_status wkv7_state_get_part(const wkv7_state *state, int32_t part, const float **data, size_t *count);

// Changes a part: `count` numbers, as many as it has. The logits, which belong to what was there before, are set to
// nothing unless they are the part.
wkv7_status wkv7_state_set_part(wkv7_state *state, int32_t part, const float *data, size_t count);

// Tokens that led to the state.
wkv7_status wkv7_state_tokens_seen(const wkv7_state *state, uint64_t *tokens);

// Reads all that a session remembers.
wkv7_status wkv7_session_state(const wkv7_session *session, wkv7_state **state);

// Lets a session continue from a state, which stays the caller's. One of another model is refused.
wkv7_status wkv7_session_set_state(wkv7_session *session, const wkv7_state *state);

/* ---- Tuning: a state that is learned from pairs of texts --------------------------------------------------------- */

// Sets every option to its default. `struct_size` is sizeof(wkv7_tune_options).
wkv7_status wkv7_tune_options_init(wkv7_tune_options *options, size_t struct_size);

// Learns the state from which the model answers the prompts of `count` pairs as they do: for wkv7_session_set_state() and,
// written by wkv7_state_save_tuned(), for later. It begins with the model's initial state. The weights stay as they are
// and may be of any type; it works on the CPU, whatever the model's backend, and beside its sessions. `options` and
// `callback` may be NULL.
wkv7_status wkv7_model_tune_state(const wkv7_model *model,
                                  const wkv7_tune_pair *pairs,
                                  size_t count,
                                  const wkv7_tune_options *options,
                                  wkv7_tune_callback callback,
                                  void *user,
                                  wkv7_state **state);

/* ---- Batches: many sessions in one forward ----------------------------------------------------------------------- */

// An empty batch for sessions of `model`.
wkv7_status wkv7_batch_new(const wkv7_model *model, wkv7_batch **batch);

// Frees a batch; NULL is allowed.
void wkv7_batch_free(wkv7_batch *batch);

// Adds a step: `count` tokens for a session that is not in the batch yet. `want` is one of wkv7_want. The tokens are
// copied. Steps are numbered from 0 in the order in which they are added.
wkv7_status wkv7_batch_add(wkv7_batch *batch,
                           wkv7_session *session,
                           const uint32_t *tokens,
                           size_t count,
                           int32_t want);

// Advances every session of the batch in one forward. Each then also has the logits of its last token, unless its step
// wants others. Running it again feeds the same tokens again.
wkv7_status wkv7_batch_run(wkv7_batch *batch);

// The logits that step number `step` asked for, [rows, vocab]: `*count` numbers. A view, which lives until the batch is
// run, cleared or freed.
wkv7_status wkv7_batch_logits(const wkv7_batch *batch, size_t step, const float **logits, size_t *count);

// The hidden state that step number `step` asked for, [channels]: `*count` numbers. A view, as wkv7_batch_logits()
// gives.
wkv7_status wkv7_batch_hidden(const wkv7_batch *batch, size_t step, const float **hidden, size_t *count);

// Takes all steps out.
wkv7_status wkv7_batch_clear(wkv7_batch *batch);

/* ---- Conversations as the text that models were trained on ------------------------------------------------------- */

// Sets every option to its default. `struct_size` is sizeof(wkv7_chat_options).
wkv7_status wkv7_chat_options_init(wkv7_chat_options *options, size_t struct_size);

// The whole conversation as text, open for the next answer. `options` may be NULL. A two-call text.
wkv7_status wkv7_chat_render(const wkv7_chat_options *options,
                             const wkv7_message *messages,
                             size_t count,
                             char *text,
                             size_t *text_len);

// What to feed to a session after an answer that ended at a stop text or the end of text: the next message, open for the
// next answer. `options` may be NULL. A two-call text.
wkv7_status wkv7_chat_turn(const wkv7_chat_options *options,
                           const wkv7_message *next,
                           char *text,
                           size_t *text_len);

// The text number `index`, from 0, at which an answer ends; empty beyond the last. `options` may be NULL. A two-call text.
wkv7_status wkv7_chat_stop(const wkv7_chat_options *options,
                           size_t index,
                           char *text,
                           size_t *text_len);

// What was said in a generated answer, without the thinking: what a later wkv7_chat_render() wants as the assistant's
// message. `options` are those that opened the answer; may be NULL. A two-call text.
wkv7_status wkv7_chat_answer(const wkv7_chat_options *options,
                             const char *generated,
                             size_t generated_len,
                             char *text,
                             size_t *text_len);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* WKV7_H */
