/* wkv7.hpp - wkv7.h for C++17 and later, in one header. Licence: MIT OR Apache-2.0.
 *
 * It is one file, and longer than our files are, so that a program needs nothing but this and wkv7.h beside it.
 *
 * CONVENTIONS, kept by everything here; wkv7.h says the rest
 *
 * Errors     What fails throws wkv7::Error, with the status and the whole story. A constructor or a function that
 *            throws has changed no more than its C function did.
 * Handles    Classes own what they stand for and free it. They can be moved and not copied; one that was moved from can
 *            be assigned to or destroyed, anything else throws with WKV7_ERR_NULL. Objects may go in any order. get() is
 *            the C handle, for what is not here.
 * Texts      std::string_view goes in, UTF-8; std::string comes out where the text is yours. Where a view comes out, its
 *            comment says how long it lives.
 * Arrays     Span goes in: it takes vectors, arrays, std::span and braces. std::vector comes out, or a Span that is a
 *            view.
 * Options    Structs whose fields have their defaults; zero and empty mean the default, as in wkv7.h. In C++20:
 *            `session.generate({.max_tokens = 64})`.
 * Callbacks  Anything that can be called. What they throw goes through the library's caller: the work stops, and the
 *            call that started it throws the same exception.
 * Threads    As in wkv7.h: Model and Tokenizer may be used from many threads at once, everything else from one at a time;
 *            Session::cancel() from any.
 */

#ifndef WKV7_HPP
#define WKV7_HPP

#include "wkv7.h"

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#if __cplusplus >= 202002L
#include <ranges>
#endif

namespace wkv7 {

/* ---- Errors ------------------------------------------------------------------------------------------------------ */

// What a call answered; one of the WKV7_ERR_ constants, or a number that a newer library added.
using Status = wkv7_status;

// A call that failed. what() names the thing, what was expected and what was found.
class Error : public std::runtime_error {
public:
    // The error of kind `status`, told by `text`.
    Error(Status status, const std::string &text) : std::runtime_error(text), status_(status) {}

    // The kind of error.
    Status status() const noexcept { return status_; }

    // What the kind means, in a few words; lives as long as the library.
    std::string_view kind() const noexcept { return wkv7_status_message(status_); }

private:
    Status status_;
};

/* ---- Views of arrays --------------------------------------------------------------------------------------------- */

// Numbers that belong to someone else: a pointer and how many. Converts to and from std::span.
template <class T>
class Span {
public:
    using element_type = T;
    using value_type = std::remove_cv_t<T>;
    using size_type = std::size_t;
    using iterator = T *;

    // Nothing.
    constexpr Span() noexcept = default;

    // `size` elements from `data` on.
    constexpr Span(T *data, std::size_t size) noexcept : data_(data), size_(size) {}

    // The elements of an array, or of anything with data() and size().
    template <class Container, class Elements = decltype(std::data(std::declval<Container &>())),
              class = std::enable_if_t<std::is_convertible_v<Elements, T *> &&
                                       !std::is_same_v<std::remove_cv_t<std::remove_reference_t<Container>>, Span>>>
    constexpr Span(Container &&container) noexcept : data_(std::data(container)), size_(std::size(container)) {}

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Winit-list-lifetime" // as with every view, whoever keeps it looks after what it shows
#endif
    // The elements between braces, for the length of the call that it is an argument of.
    template <class Element = T, class = std::enable_if_t<std::is_const_v<Element>>>
    constexpr Span(std::initializer_list<std::remove_cv_t<Element>> list) noexcept
        : data_(list.begin()), size_(list.size()) {}
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

    constexpr T *data() const noexcept { return data_; }
    constexpr std::size_t size() const noexcept { return size_; }
    constexpr bool empty() const noexcept { return size_ == 0; }
    constexpr T *begin() const noexcept { return data_; }
    constexpr T *end() const noexcept { return data_ + size_; }
    constexpr T &operator[](std::size_t index) const noexcept { return data_[index]; }
    constexpr T &front() const noexcept { return data_[0]; }
    constexpr T &back() const noexcept { return data_[size_ - 1]; }

    // The `count` elements from `first` on, such as one row of logits; the caller knows that they are there.
    constexpr Span part(std::size_t first, std::size_t count) const noexcept { return {data_ + first, count}; }

    // A copy.
    std::vector<value_type> to_vector() const { return std::vector<value_type>(begin(), end()); }

private:
    T *data_ = nullptr;
    std::size_t size_ = 0;
};

// Bytes that belong to someone else, whatever they are called there: char, unsigned char, std::byte.
class Bytes {
public:
    // `size` bytes from `data` on.
    Bytes(const void *data, std::size_t size) noexcept : data_(data), size_(size) {}

    // The bytes of anything with data() and size() that is made of bytes.
    template <class Container, class Elements = decltype(std::data(std::declval<const Container &>())),
              class = std::enable_if_t<sizeof(*std::declval<Elements>()) == 1>>
    Bytes(const Container &container) noexcept : data_(std::data(container)), size_(std::size(container)) {}

    const void *data() const noexcept { return data_; }
    std::size_t size() const noexcept { return size_; }

private:
    const void *data_;
    std::size_t size_;
};

/* ---- What the rest is made of; not for programs ------------------------------------------------------------------- */

namespace detail {

// Throws what this thread's last call failed with.
inline void check(Status status) {
    if (status != WKV7_OK) {
        throw Error(status, wkv7_last_error());
    }
}

template <class T, void (*release)(T *)>
struct Free {
    void operator()(T *handle) const noexcept { release(handle); }
};

template <class T, void (*release)(T *)>
using Handle = std::unique_ptr<T, Free<T, release>>;

// Calls `make(place, arguments...)` and returns what it put there.
template <class T, class Make>
T *made(Make make) {
    T *handle = nullptr;
    check(make(&handle));
    return handle;
}

inline wkv7_text text(std::string_view view) noexcept { return {view.data(), view.size()}; }

// Fills a container by a two-call function, which is asked for the length first.
template <class Container, class Call>
Container filled(Call call) {
    Container found;
    std::size_t size = 0;
    Status status = call(nullptr, &size);
    while (status == WKV7_OK || status == WKV7_ERR_BUFFER) {
        if (size == 0) {
            return Container();
        }
        found.resize(size);
        status = call(found.data(), &size);
        if (status == WKV7_OK) {
            found.resize(size);
            return found;
        }
    }
    check(status);
    return found;
}

// Fills a container by a two-call function in one call, if `guess`, at least 1, is enough room.
template <class Container, class Call>
Container filled(Call call, std::size_t guess) {
    Container found;
    std::size_t size = guess;
    Status status = WKV7_ERR_BUFFER;
    while (status == WKV7_ERR_BUFFER) {
        found.resize(size);
        status = call(found.data(), &size);
    }
    check(status);
    found.resize(size);
    return found;
}

// Calls a host's function, which may answer nothing, or whether to go on.
template <class Function, class... Arguments>
bool goes_on(Function &function, Arguments &&...arguments) {
    if constexpr (std::is_void_v<std::invoke_result_t<Function &, Arguments...>>) {
        function(std::forward<Arguments>(arguments)...);
        return true;
    } else {
        return static_cast<bool>(function(std::forward<Arguments>(arguments)...));
    }
}

// Keeps what a callback threw, since it must not travel through C.
class Caught {
public:
    // Runs a callback's body, which says whether to go on; the answer is C's, where 0 is to go on.
    template <class Body>
    std::int32_t run(Body body) noexcept {
        try {
            return body() ? 0 : 1;
        } catch (...) {
            thrown_ = std::current_exception();
            return 1;
        }
    }

    // Throws it, or else what the call failed with.
    void check(Status status) const {
        if (thrown_) {
            std::rethrow_exception(thrown_);
        }
        detail::check(status);
    }

private:
    std::exception_ptr thrown_;
};

} // namespace detail

/* ---- The library itself: versions, what it was built with, backends and devices ---------------------------------- */

// The version of the ABI that the library has; compare it with WKV7_ABI_VERSION.
inline std::uint32_t abi_version() noexcept { return wkv7_abi_version(); }

// The version as text, "0.1.0".
inline std::string_view version() noexcept { return wkv7_version(); }

// How the library was built, as a JSON object.
inline std::string_view build_info() noexcept { return wkv7_build_info(); }

// Whether the library has a feature, one of those in build_info().
inline bool has_feature(std::string_view name) noexcept { return wkv7_has_feature(name.data(), name.size()) != 0; }

// The backends of this build, fastest first, as a JSON array of strings.
inline std::string backends() { return detail::filled<std::string>(wkv7_backends); }

// The devices that a ModelOptions::backend can name, as a JSON array of objects; asking takes up to a second.
inline std::string devices() { return detail::filled<std::string>(wkv7_devices, 4096); }

/* ---- Log messages for the host ----------------------------------------------------------------------------------- */

// How much a log message matters.
enum class LogLevel : std::int32_t {
    off = WKV7_LOG_OFF,     // as a limit: no messages
    error = WKV7_LOG_ERROR, // something failed that no status tells
    warn = WKV7_LOG_WARN,   // something is not as it should be
    info = WKV7_LOG_INFO,   // what was opened, and how
    debug = WKV7_LOG_DEBUG, // for whoever looks for a fault
    trace = WKV7_LOG_TRACE, // everything
};

// Gets a log message; the text is gone after the call. Called from any thread, also from several at once. It must not
// call wkv7::log(), and what it throws is lost, since nobody waits for it.
using LogCallback = std::function<void(LogLevel, std::string_view)>;

namespace detail {

// Where log messages go. It is never destroyed: a message may be on its way in another thread until the process ends.
struct Log {
    std::mutex lock;
    std::shared_ptr<const LogCallback> callback;

    static Log &get() {
        static Log *const log = new Log;
        return *log;
    }

    static void receive(void *user, std::int32_t level, const char *message, std::size_t len) noexcept {
        try {
            auto *log = static_cast<Log *>(user);
            std::unique_lock<std::mutex> locked(log->lock);
            const std::shared_ptr<const LogCallback> callback = log->callback;
            locked.unlock();
            if (callback) {
                (*callback)(static_cast<LogLevel>(level), std::string_view(message, len));
            }
        } catch (...) { // documented above
        }
    }
};

} // namespace detail

// Sends the log messages of the whole process's library up to `level` to `callback`; an empty one, or LogLevel::off, ends
// it. Without this call nothing is logged, and nothing is ever printed.
inline void log(LogLevel level, LogCallback callback = nullptr) {
    detail::Log &log = detail::Log::get();
    const bool wanted = callback && level != LogLevel::off;
    auto shared = wanted ? std::make_shared<const LogCallback>(std::move(callback)) : nullptr;
    {
        const std::lock_guard<std::mutex> locked(log.lock);
        log.callback.swap(shared);
    }
    detail::check(wkv7_log(static_cast<std::int32_t>(level), wanted ? &detail::Log::receive : nullptr, &log));
}

/* ---- Models ------------------------------------------------------------------------------------------------------ */

// How to open a model.
struct ModelOptions {
    // "auto": the best graphics card where build and machine have one, else the CPU. Or one of backends(); "wgpu:INDEX"
    // and "wgpu:NAME" choose one of devices().
    std::string backend = {};
    // "auto": the vocabulary inside the file, else one beside it, else by the size of the model's. Or "world", "bytes",
    // or the path of a vocabulary file.
    std::string tokenizer = {};
    // Path of a tuned state or of a state file that every session starts from.
    std::string initial_state = {};
    // The tuned state is stored as (key, value), as web-rwkv's converter does.
    bool initial_state_transposed = false;
    // Forbid every approximation that a backend would make for speed.
    bool exact = false;
    // Sessions that can be open at once; 0 means 64.
    std::size_t slots = 0;
    // Tokens that one forward takes; 0 means 1024. A prompt can be cancelled between two forwards.
    std::size_t max_tokens = 0;
    // Threads of the CPU backend; 0 means one per core.
    std::size_t threads = 0;
    // Told how far loading is, in bytes: done, total. `false` cancels it: WKV7_ERR_CANCELLED. Called from any thread, but
    // never from two at once.
    std::function<bool(std::uint64_t, std::uint64_t)> progress = {};
};

// What is known of a model.
using ModelInfo = wkv7_model_info;

namespace detail {

// ModelOptions as C has them, for the length of one call.
class Opening {
public:
    explicit Opening(const ModelOptions &options) : options_(options) {
        detail::check(wkv7_model_options_init(&raw_, sizeof raw_));
        raw_.backend = text(options.backend);
        raw_.tokenizer = text(options.tokenizer);
        raw_.initial_state = text(options.initial_state);
        raw_.initial_state_transposed = options.initial_state_transposed;
        raw_.exact = options.exact;
        raw_.slots = options.slots;
        raw_.max_tokens = options.max_tokens;
        raw_.threads = options.threads;
        if (options.progress) {
            raw_.progress = &Opening::progress;
            raw_.progress_user = this;
        }
    }
    Opening(const Opening &) = delete; // C has its address
    Opening &operator=(const Opening &) = delete;

    const wkv7_model_options *raw() const noexcept { return &raw_; }
    void check(Status status) const { caught_.check(status); }

private:
    static std::int32_t progress(void *user, std::uint64_t done, std::uint64_t total) noexcept {
        auto *opening = static_cast<Opening *>(user);
        return opening->caught_.run([&] { return opening->options_.progress(done, total); });
    }

    const ModelOptions &options_;
    wkv7_model_options raw_;
    Caught caught_;
};

} // namespace detail

// A prompt, and the answer that should follow it.
struct TunePair {
    // What is given; where it is empty, all of the answer is learned but its first token.
    std::string prompt = {};
    // What is learned.
    std::string answer = {};
};

// How to tune a state.
struct TuneOptions {
    // Times that every pair is learned from; 0 means 4.
    std::uint64_t rounds = 0;
    // Steps, in place of rounds; 0 means as many as the rounds take.
    std::uint64_t steps = 0;
    // Pairs of a step at most; 0 means 16.
    std::size_t batch = 0;
    // The learning rate after warming up; 0 means 1.
    double first_rate = 0;
    // The learning rate at the end; 0 means 0.01.
    double last_rate = 0;
    // Steps over which the rate rises, at most half of all; 0 means 10.
    std::uint64_t warmup_steps = 0;
    // Of the order of the pairs.
    std::uint64_t seed = 0;
    // Tokens of a pair that are fed at most, prompt and answer together; what is longer is cut. 0 means 512.
    std::size_t context = 0;
    // Threads; 0 means one per core.
    std::size_t threads = 0;
    // Feed token 0 first, as between the documents of pretraining.
    bool lead = false;
    // Do not learn that token 0 ends an answer.
    bool no_end = false;
};

// A step of a tuning.
using TuneProgress = wkv7_tune_progress;

class Session;
class State;
class Tokenizer;

// A loaded model. May be used from any number of threads at once. What is made from it keeps what it needs of it.
class Model {
public:
    // Opens the checkpoint at `path`, a file or a folder, whatever its format. The weights stay in the file, which must
    // not change while the model lives.
    static Model open(std::string_view path, const ModelOptions &options = {}) {
        const detail::Opening opening(options);
        wkv7_model *model = nullptr;
        opening.check(wkv7_model_open(path.data(), path.size(), opening.raw(), &model));
        return Model(model);
    }

    // Opens the model inside the library, a very small one that tells little stories in English: for a first try, and for
    // tests that need no file.
    static Model built_in(const ModelOptions &options = {}) {
        const detail::Opening opening(options);
        wkv7_model *model = nullptr;
        opening.check(wkv7_model_open_built_in(opening.raw(), &model));
        return Model(model);
    }

    // Opens a checkpoint of one file that lies in memory, of which it takes a copy.
    static Model from_memory(Bytes bytes, const ModelOptions &options = {}) {
        const detail::Opening opening(options);
        wkv7_model *model = nullptr;
        opening.check(
            wkv7_model_from_memory(bytes.data(), bytes.size(), nullptr, nullptr, opening.raw(), &model));
        return Model(model);
    }

    // Opens a checkpoint of one file that lies in memory, without copying it: the bytes of `*owner`, such as a vector, or
    // Bytes with a deleter. It is let go once the library needs the bytes no more, or cannot open them; that may happen
    // in any thread, and a deleter must not throw.
    template <class Container>
    static Model from_memory(std::shared_ptr<Container> owner, const ModelOptions &options = {}) {
        const detail::Opening opening(options);
        const Bytes bytes = owner ? Bytes(*owner) : Bytes(nullptr, 0);
        auto kept = std::make_unique<std::shared_ptr<const void>>(std::move(owner));
        const wkv7_release_callback release = [](void *user, const void *, std::size_t) {
            delete static_cast<std::shared_ptr<const void> *>(user);
        };
        wkv7_model *model = nullptr;
        opening.check(
            wkv7_model_from_memory(bytes.data(), bytes.size(), release, kept.release(), opening.raw(), &model));
        return Model(model);
    }

    // Takes a C handle over.
    explicit Model(wkv7_model *handle) noexcept : handle_(handle) {}

    // The C handle, which stays this object's.
    wkv7_model *get() const noexcept { return handle_.get(); }

    // What is known of it.
    ModelInfo info() const {
        ModelInfo info;
        info.struct_size = sizeof info;
        detail::check(wkv7_model_get_info(get(), &info));
        return info;
    }

    // All that is known of it, as a JSON object.
    std::string json() const {
        return detail::filled<std::string>(
            [this](char *json, std::size_t *len) { return wkv7_model_json(get(), json, len); });
    }

    // A new session, at the model's initial state. WKV7_ERR_NO_SLOT where as many are open as it has slots.
    Session session() const;

    // Its vocabulary. WKV7_ERR_TOKENIZER where it has none.
    Tokenizer tokenizer() const;

    // Learns the state from which the model answers the prompts as the pairs do: for Session::set_state(), and for later
    // by State::save_tuned(). It begins with the model's initial state; the weights stay as they are.
    State tune_state(Span<const TunePair> pairs, const TuneOptions &options = {}) const;

    // The same, and calls `callback` with each step, a `const TuneProgress &`. A callback that answers `false` ends the
    // tuning, which keeps what it has learned; it may also answer nothing.
    template <class Callback, class = std::enable_if_t<std::is_invocable_v<Callback &, const TuneProgress &>>>
    State tune_state(Span<const TunePair> pairs, Callback &&callback, const TuneOptions &options = {}) const;

private:
    detail::Handle<wkv7_model, wkv7_model_free> handle_;
};

/* ---- Vocabularies: text to tokens and back ----------------------------------------------------------------------- */

// Turns tokens into text as they come; no character is cut. It keeps its vocabulary.
class Decoder {
public:
    // A decoder at the start of a text.
    explicit Decoder(const Tokenizer &tokenizer);

    // The C handle, which stays this object's.
    wkv7_decoder *get() const noexcept { return handle_.get(); }

    // Takes the next token. The text that is certain now, often none, lives until the next call.
    std::string_view push(std::uint32_t token) {
        const char *text = nullptr;
        std::size_t len = 0;
        detail::check(wkv7_decoder_push(get(), token, &text, &len));
        return {text, len};
    }

    // Ends the text: half a character becomes U+FFFD, and the decoder is as new. The text lives until the next call.
    std::string_view finish() {
        const char *text = nullptr;
        std::size_t len = 0;
        detail::check(wkv7_decoder_finish(get(), &text, &len));
        return {text, len};
    }

private:
    detail::Handle<wkv7_decoder, wkv7_decoder_free> handle_;
};

// A vocabulary. May be used from any number of threads at once.
class Tokenizer {
public:
    // A vocabulary without a model: "world", "bytes", or the path of a file, the official text form or a tokenizer.json.
    static Tokenizer open(std::string_view name) {
        return Tokenizer(detail::made<wkv7_tokenizer>(
            [&](wkv7_tokenizer **place) { return wkv7_tokenizer_open(name.data(), name.size(), place); }));
    }

    // The vocabulary of a model.
    explicit Tokenizer(const Model &model)
        : handle_(detail::made<wkv7_tokenizer>(
              [&](wkv7_tokenizer **place) { return wkv7_model_tokenizer(model.get(), place); })) {}

    // Takes a C handle over.
    explicit Tokenizer(wkv7_tokenizer *handle) noexcept : handle_(handle) {}

    // The C handle, which stays this object's.
    wkv7_tokenizer *get() const noexcept { return handle_.get(); }

    // One more than the largest id that the vocabulary has.
    std::size_t size() const {
        std::size_t size = 0;
        detail::check(wkv7_tokenizer_size(get(), &size));
        return size;
    }

    // The token that ends a text, where there is one.
    std::optional<std::uint32_t> end_of_text() const {
        std::int64_t token = -1;
        detail::check(wkv7_tokenizer_end_of_text(get(), &token));
        return token < 0 ? std::nullopt : std::make_optional(static_cast<std::uint32_t>(token));
    }

    // The tokens of a text. Any bytes will do, except where a tokenizer.json wants UTF-8.
    std::vector<std::uint32_t> encode(std::string_view text) const {
        const auto call = [&](std::uint32_t *tokens, std::size_t *count) {
            return wkv7_tokenizer_encode(get(), text.data(), text.size(), tokens, count);
        };
        return detail::filled<std::vector<std::uint32_t>>(call, text.size() + 1);
    }

    // The bytes of tokens, joined; they may begin or end inside a character, see Decoder.
    std::string decode(Span<const std::uint32_t> tokens) const {
        const auto call = [&](char *bytes, std::size_t *len) {
            return wkv7_tokenizer_decode(get(), tokens.data(), tokens.size(), bytes, len);
        };
        return detail::filled<std::string>(call, 8 * tokens.size() + 1);
    }

    // The bytes that a token stands for; none for the end of text and other special tokens. They live as long as this.
    std::string_view token(std::uint32_t token) const {
        const char *bytes = nullptr;
        std::size_t len = 0;
        detail::check(wkv7_tokenizer_token(get(), token, &bytes, &len));
        return {bytes, len};
    }

    // A decoder at the start of a text.
    Decoder decoder() const { return Decoder(*this); }

private:
    detail::Handle<wkv7_tokenizer, wkv7_tokenizer_free> handle_;
};

inline Decoder::Decoder(const Tokenizer &tokenizer)
    : handle_(detail::made<wkv7_decoder>(
          [&](wkv7_decoder **place) { return wkv7_decoder_new(tokenizer.get(), place); })) {}

inline Tokenizer Model::tokenizer() const { return Tokenizer(*this); }

/* ---- Sampling, on its own over any logits ------------------------------------------------------------------------ */

// What is added to the logit of a token.
using Bias = wkv7_bias;

// How tokens are chosen. The defaults, which are not zeros, come from the library.
struct SamplerOptions {
    // Above 1 flattens the distribution, below 1 sharpens it; it acts after all cuts. 0 is greedy.
    float temperature;
    // Keeps the most likely tokens that together reach this probability; 1 cuts nothing.
    float top_p;
    // Drops tokens less likely than this part of the most likely one; 0 cuts nothing.
    float min_p;
    // Locally typical sampling; 1 cuts nothing.
    float typical_p;
    // Keeps this many most likely tokens; 0 cuts nothing.
    std::size_t top_k;
    // Taken from the logit of every token generated before.
    float presence;
    // Taken from a token's logit as often as it was generated before.
    float frequency;
    // What a past occurrence is worth after each further token.
    float penalty_decay;
    // Makes a run repeatable; without it each sampler takes a new seed.
    std::optional<std::uint64_t> seed = {};
    // Tokens never sampled.
    std::vector<std::uint32_t> banned = {};
    // Added to the logits of single tokens.
    std::vector<Bias> bias = {};

    // The official pipeline's.
    SamplerOptions() : SamplerOptions(static_cast<const wkv7_model *>(nullptr)) {}

    // The model's.
    explicit SamplerOptions(const Model &model) : SamplerOptions(model.get()) {}

    // Always the most likely token of the model's own logits: no temperature, no penalties.
    static SamplerOptions greedy() {
        SamplerOptions options;
        options.temperature = options.presence = options.frequency = 0;
        return options;
    }

    // The C struct, which lives as long as these options stay as they are.
    wkv7_sampler_options raw() const {
        wkv7_sampler_options raw;
        detail::check(wkv7_sampler_options_init(&raw, sizeof raw, nullptr));
        raw.temperature = temperature;
        raw.top_p = top_p;
        raw.min_p = min_p;
        raw.typical_p = typical_p;
        raw.top_k = top_k;
        raw.presence = presence;
        raw.frequency = frequency;
        raw.penalty_decay = penalty_decay;
        raw.seeded = seed.has_value();
        raw.seed = seed.value_or(0);
        raw.banned = banned.data();
        raw.banned_count = banned.size();
        raw.bias = bias.data();
        raw.bias_count = bias.size();
        return raw;
    }

private:
    explicit SamplerOptions(const wkv7_model *model) {
        wkv7_sampler_options raw;
        detail::check(wkv7_sampler_options_init(&raw, sizeof raw, model));
        temperature = raw.temperature;
        top_p = raw.top_p;
        min_p = raw.min_p;
        typical_p = raw.typical_p;
        top_k = raw.top_k;
        presence = raw.presence;
        frequency = raw.frequency;
        penalty_decay = raw.penalty_decay;
    }
};

// Chooses tokens; remembers those that it accepted, for the penalties.
class Sampler {
public:
    // A sampler that has accepted nothing yet.
    explicit Sampler(const SamplerOptions &options = {})
        : handle_(detail::made<wkv7_sampler>([raw = options.raw()](wkv7_sampler **place) {
              return wkv7_sampler_new(&raw, place);
          })) {}

    // Always the most likely token.
    static Sampler greedy() { return Sampler(SamplerOptions::greedy()); }

    // The C handle, which stays this object's.
    wkv7_sampler *get() const noexcept { return handle_.get(); }

    // Chooses a token. It counts for the penalties once it is accepted.
    std::uint32_t sample(Span<const float> logits) {
        std::uint32_t token = 0;
        detail::check(wkv7_sampler_sample(get(), logits.data(), logits.size(), &token));
        return token;
    }

    // Counts a token for the penalties.
    void accept(std::uint32_t token) { detail::check(wkv7_sampler_accept(get(), token, nullptr)); }

    // Counts a token for the penalties; digits and the like are free of the frequency penalty.
    void accept(std::uint32_t token, const Tokenizer &tokenizer) {
        detail::check(wkv7_sampler_accept(get(), token, tokenizer.get()));
    }

    // The probabilities that sample() would draw from, one for each logit.
    std::vector<float> probabilities(Span<const float> logits) const {
        std::vector<float> found(logits.size());
        // The C function wants a place even where nothing is written.
        float none = 0;
        float *place = found.empty() ? &none : found.data();
        detail::check(wkv7_sampler_probabilities(get(), logits.data(), logits.size(), place));
        return found;
    }

    // Forgets what was accepted and starts the seed's sequence anew.
    void reset() { detail::check(wkv7_sampler_reset(get())); }

    // The seed in use: give it to another sampler to repeat the run.
    std::uint64_t seed() const {
        std::uint64_t seed = 0;
        detail::check(wkv7_sampler_seed(get(), &seed));
        return seed;
    }

private:
    detail::Handle<wkv7_sampler, wkv7_sampler_free> handle_;
};

/* ---- Generations: a range of pieces ------------------------------------------------------------------------------ */

// What to generate.
struct GenerateOptions {
    // Tokens to generate at most; 0 means 256.
    std::size_t max_tokens = 0;
    // Texts at which to stop; none of their text is emitted.
    std::vector<std::string> stop = {};
    // Tokens at which to stop, besides the end of text, which always stops.
    std::vector<std::uint32_t> stop_tokens = {};
    // Chooses the tokens; it needs to live only until the generation has begun, and goes on being used. Without one: the
    // model's defaults, with a new seed.
    Sampler *sampler = nullptr;
};

// Why a generation ended.
enum class StopReason : std::int32_t {
    none = WKV7_STOP_NONE,             // it goes on, or ended with an error
    token = WKV7_STOP_TOKEN,           // the end of text or another stop token was sampled
    text = WKV7_STOP_TEXT,             // a stop text appeared
    max_tokens = WKV7_STOP_MAX_TOKENS, // as many tokens as were asked for
    callback = WKV7_STOP_CALLBACK,     // the callback said so
};

// How a generation ended, or how far it is.
struct GenerationResult {
    // Why it ended.
    StopReason reason = StopReason::none;
    // The token at which it stopped, for StopReason::token.
    std::uint32_t stop_token = 0;
    // Which of the texts it stopped at, for StopReason::text.
    std::size_t stop_index = 0;
    // Tokens handed out.
    std::uint64_t tokens = 0;
    // Seconds that they took.
    double seconds = 0;
};

// A generated token.
class Piece {
public:
    // The text that became certain with it: whole characters only, so it may be empty, or begin with a character that an
    // earlier token began.
    const std::string &text() const noexcept { return text_; }

    // The token.
    std::uint32_t token() const noexcept { return token_; }

    // Natural logarithm of the probability that the model gave it, before any penalty or cut.
    float log_probability() const noexcept { return log_probability_; }

private:
    friend class Generation;
    friend class Session;

    // Takes over what C shows, into the room that is there.
    void assign(const wkv7_piece &raw) {
        text_.assign(raw.text, raw.text_len);
        token_ = raw.token;
        log_probability_ = raw.log_probability;
    }

    std::string text_;
    std::uint32_t token_ = 0;
    float log_probability_ = 0;
};

namespace detail {

// GenerateOptions as C has them, for the length of one call.
class Generating {
public:
    explicit Generating(const GenerateOptions &options) {
        check(wkv7_generate_options_init(&raw_, sizeof raw_));
        stop_.reserve(options.stop.size());
        for (const std::string &stop : options.stop) {
            stop_.push_back(text(stop));
        }
        raw_.max_tokens = options.max_tokens;
        raw_.stop = stop_.data();
        raw_.stop_count = stop_.size();
        raw_.stop_tokens = options.stop_tokens.data();
        raw_.stop_tokens_count = options.stop_tokens.size();
    }
    Generating(const Generating &) = delete; // it points into itself
    Generating &operator=(const Generating &) = delete;

    const wkv7_generate_options *raw() const noexcept { return &raw_; }

private:
    std::vector<wkv7_text> stop_;
    wkv7_generate_options raw_;
};

inline GenerationResult result(const wkv7_generation_result &raw) noexcept {
    return {static_cast<StopReason>(raw.reason), raw.stop_token, raw.stop_index, raw.tokens, raw.seconds};
}

} // namespace detail

// Pieces of text, made as they are asked for: a range to go through once. While it is open its session answers other
// calls with WKV7_ERR_BUSY; it ends with finish() or its destructor, and the session then holds exactly what was handed
// out. Moving it leaves its iterators behind.
class Generation {
public:
    // Goes through the pieces; an input iterator.
    class iterator {
    public:
        using iterator_category = std::input_iterator_tag;
        using value_type = Piece;
        using difference_type = std::ptrdiff_t;
        using pointer = const Piece *;
        using reference = const Piece &;

        // The end.
        iterator() noexcept = default;

        const Piece &operator*() const noexcept { return generation_->piece_; }
        const Piece *operator->() const noexcept { return &generation_->piece_; }

        // Makes the next piece.
        iterator &operator++() {
            if (!generation_->advance()) {
                generation_ = nullptr;
            }
            return *this;
        }

        // The piece that it was at, for `*i++`.
        class Before {
        public:
            const Piece &operator*() const noexcept { return piece_; }

        private:
            friend class iterator;
            explicit Before(Piece piece) : piece_(std::move(piece)) {}
            Piece piece_;
        };

        Before operator++(int) {
            Before before(**this);
            ++*this;
            return before;
        }

        friend bool operator==(const iterator &left, const iterator &right) noexcept {
            return left.generation_ == right.generation_;
        }
        friend bool operator!=(const iterator &left, const iterator &right) noexcept { return !(left == right); }

    private:
        friend class Generation;
        explicit iterator(Generation *generation) noexcept : generation_(generation) {}
        Generation *generation_ = nullptr;
    };

    // Begins to generate from where the session is; as Session::generate().
    explicit Generation(Session &session, const GenerateOptions &options = {});

    // The C handle, which stays this object's.
    wkv7_generation *get() const noexcept { return handle_.get(); }

    // The first piece, or, later, the one after the last that was made.
    iterator begin() { return advance() ? iterator(this) : end(); }

    // The end.
    iterator end() noexcept { return iterator(); }

    // The next piece; NULL once the generation is over. It lives until the next.
    const Piece *next() { return advance() ? &piece_ : nullptr; }

    // Makes all pieces that are left, and joins their texts.
    std::string text() {
        std::string text;
        while (advance()) {
            text += piece_.text();
        }
        return text;
    }

    // How it ended, or how far it is.
    GenerationResult result() const {
        wkv7_generation_result raw;
        raw.struct_size = sizeof raw;
        detail::check(wkv7_generation_get_result(get(), &raw));
        return detail::result(raw);
    }

    // Ends it, so that the session can be used again, and says how far it came. Afterwards it is as if moved from.
    GenerationResult finish() {
        const GenerationResult last = result();
        handle_.reset();
        return last;
    }

private:
    bool advance() {
        const wkv7_piece *raw = nullptr;
        detail::check(wkv7_generation_next(get(), &raw));
        if (raw == nullptr) {
            return false;
        }
        piece_.assign(*raw);
        return true;
    }

    detail::Handle<wkv7_generation, wkv7_generation_free> handle_;
    Piece piece_;
};

/* ---- States: all that a sequence remembers, as a value ----------------------------------------------------------- */

// The parts of a state.
enum class Part : std::int32_t {
    att_shift = WKV7_STATE_ATT_SHIFT, // [layers, channels]: each layer's last time mix input
    wkv = WKV7_STATE_WKV,             // [layers, heads, head size (value), head size (key)]: the recurrent memory
    ffn_shift = WKV7_STATE_FFN_SHIFT, // [layers, channels]: each layer's last channel mix input
    logits = WKV7_STATE_LOGITS,       // [vocab]: the logits after the last token; empty where there are none
};

// All that a sequence remembers at one moment, with the last logits.
class State {
public:
    // The state of a sequence of `model` that has seen nothing: zeros.
    explicit State(const Model &model)
        : State(detail::made<wkv7_state>([&](wkv7_state **place) { return wkv7_state_new(model.get(), place); })) {}

    // Reads the state file at `path`; one of another model is refused: WKV7_ERR_WRONG_MODEL.
    static State load(const Model &model, std::string_view path) {
        return State(detail::made<wkv7_state>([&](wkv7_state **place) {
            return wkv7_state_load(model.get(), path.data(), path.size(), place);
        }));
    }

    // Reads a tuned initial state, as trainers write it; `transposed` where it is stored as (key, value).
    static State load_tuned(const Model &model, std::string_view path, bool transposed = false) {
        return State(detail::made<wkv7_state>([&](wkv7_state **place) {
            return wkv7_state_load_tuned(model.get(), path.data(), path.size(), transposed, place);
        }));
    }

    // Reads the bytes of a state file; one of another model is refused.
    static State from_bytes(const Model &model, Bytes bytes) {
        return State(detail::made<wkv7_state>([&](wkv7_state **place) {
            return wkv7_state_from_bytes(model.get(), bytes.data(), bytes.size(), place);
        }));
    }

    // Takes a C handle over.
    explicit State(wkv7_state *handle) noexcept : handle_(handle) {}

    // The C handle, which stays this object's.
    wkv7_state *get() const noexcept { return handle_.get(); }

    // Writes a state file: safetensors, with the model's fingerprint. The place never holds half a file.
    void save(std::string_view path) const { detail::check(wkv7_state_save(get(), path.data(), path.size())); }

    // Writes the recurrent memory alone as a tuned initial state, which load_tuned(), ModelOptions::initial_state and other
    // RWKV tools read: a .pth or a .safetensors, by the name of `path`.
    void save_tuned(std::string_view path) const {
        detail::check(wkv7_state_save_tuned(get(), path.data(), path.size()));
    }

    // The bytes of a state file.
    std::vector<std::uint8_t> to_bytes() const {
        return detail::filled<std::vector<std::uint8_t>>(
            [this](std::uint8_t *data, std::size_t *len) { return wkv7_state_to_bytes(get(), data, len); });
    }

    // A part: a view, which lives as long as the state. set_part() changes what it shows.
    Span<const float> part(Part part) const {
        const float *data = nullptr;
        std::size_t count = 0;
        detail::check(wkv7_state_get_part(get(), static_cast<std::int32_t>(part), &data, &count));
        return {data, count};
    }

    // Changes a part: as many numbers as it has. The logits are set to nothing unless they are the part.
    void set_part(Part part, Span<const float> data) {
        detail::check(wkv7_state_set_part(get(), static_cast<std::int32_t>(part), data.data(), data.size()));
    }

    // Tokens that led to it.
    std::uint64_t tokens_seen() const {
        std::uint64_t tokens = 0;
        detail::check(wkv7_state_tokens_seen(get(), &tokens));
        return tokens;
    }

private:
    detail::Handle<wkv7_state, wkv7_state_free> handle_;
};

template <class Callback, class>
State Model::tune_state(Span<const TunePair> pairs, Callback &&callback, const TuneOptions &options) const {
    struct Call {
        Callback &callback;
        detail::Caught caught = {};

        static std::int32_t receive(void *user, const wkv7_tune_progress *progress) noexcept {
            auto *call = static_cast<Call *>(user);
            return call->caught.run([&] { return detail::goes_on(call->callback, *progress); });
        }
    };
    wkv7_tune_options raw;
    detail::check(wkv7_tune_options_init(&raw, sizeof raw));
    raw.rounds = options.rounds;
    raw.steps = options.steps;
    raw.batch = options.batch;
    raw.first_rate = options.first_rate;
    raw.last_rate = options.last_rate;
    raw.warmup_steps = options.warmup_steps;
    raw.seed = options.seed;
    raw.context = options.context;
    raw.threads = options.threads;
    raw.lead = options.lead;
    raw.no_end = options.no_end;
    std::vector<wkv7_tune_pair> texts;
    texts.reserve(pairs.size());
    for (const TunePair &pair : pairs) {
        texts.push_back({detail::text(pair.prompt), detail::text(pair.answer)});
    }
    Call call{callback};
    wkv7_state *made = nullptr;
    const Status status =
        wkv7_model_tune_state(get(), texts.data(), texts.size(), &raw, &Call::receive, &call, &made);
    State state(made);
    call.caught.check(status);
    return state;
}

inline State Model::tune_state(Span<const TunePair> pairs, const TuneOptions &options) const {
    return tune_state(pairs, [](const TuneProgress &) {}, options);
}

/* ---- Sessions: one sequence of tokens each ----------------------------------------------------------------------- */

// One of the largest logits.
using Top = wkv7_top;

// What a session's calls took.
using Stats = wkv7_stats;

// One sequence and all that it remembers.
class Session {
public:
    // A new session, at the model's initial state.
    explicit Session(const Model &model)
        : Session(detail::made<wkv7_session>(
              [&](wkv7_session **place) { return wkv7_session_new(model.get(), place); })) {}

    // Takes a C handle over.
    explicit Session(wkv7_session *handle) noexcept : handle_(handle) {}

    // The C handle, which stays this object's.
    wkv7_session *get() const noexcept { return handle_.get(); }

    // A second session that continues from here on its own.
    Session fork() const {
        return Session(detail::made<wkv7_session>(
            [this](wkv7_session **place) { return wkv7_session_fork(get(), place); }));
    }

    // A session of `model` that continues from here on another backend or device with the same weights.
    Session to(const Model &model) const {
        return Session(detail::made<wkv7_session>(
            [&](wkv7_session **place) { return wkv7_session_to(get(), model.get(), place); }));
    }

    // Goes back to where new sessions of the model start.
    void reset() { detail::check(wkv7_session_reset(get())); }

    // Feeds tokens, `{token}` for one; the logits after the last are then there to be read.
    void feed(Span<const std::uint32_t> tokens) {
        detail::check(wkv7_session_feed(get(), tokens.data(), tokens.size()));
    }

    // Feeds a text; returns the number of its tokens.
    std::size_t feed_text(std::string_view text) {
        std::size_t count = 0;
        detail::check(wkv7_session_feed_text(get(), text.data(), text.size(), &count));
        return count;
    }

    // Feeds tokens and returns the logits after each of them, [tokens, vocab].
    std::vector<float> feed_all(Span<const std::uint32_t> tokens) {
        return detail::filled<std::vector<float>>([&](float *logits, std::size_t *count) {
            return wkv7_session_feed_all(get(), tokens.data(), tokens.size(), logits, count);
        });
    }

    // The largest logits after the last token, by falling logit, equal ones by rising token: `most`, or all where the
    // vocabulary has fewer.
    std::vector<Top> top(std::size_t most) const {
        return tops(most, [this](Top *place, std::size_t *count) { return wkv7_session_top(get(), place, count); });
    }

    // Feeds tokens and returns the largest logits after the last, without fetching all of them from a device. The session
    // has no logits afterwards.
    std::vector<Top> feed_top(Span<const std::uint32_t> tokens, std::size_t most) {
        return tops(most, [&](Top *place, std::size_t *count) {
            return wkv7_session_feed_top(get(), tokens.data(), tokens.size(), place, count);
        });
    }

    // Feeds tokens and returns the hidden state after the last, which stands for all that was fed: [channels], nothing
    // without tokens. The session has no logits afterwards.
    std::vector<float> embed(Span<const std::uint32_t> tokens) {
        return detail::filled<std::vector<float>>([&](float *hidden, std::size_t *count) {
            return wkv7_session_embed(get(), tokens.data(), tokens.size(), hidden, count);
        });
    }

    // The logits after the last token, [vocab]: a view, which lives until the session is advanced, changed or freed.
    Span<const float> logits() const {
        const float *logits = nullptr;
        std::size_t count = 0;
        detail::check(wkv7_session_logits(get(), &logits, &count));
        return {logits, count};
    }

    // Tokens fed since the sequence began.
    std::uint64_t tokens_seen() const {
        std::uint64_t tokens = 0;
        detail::check(wkv7_session_tokens_seen(get(), &tokens));
        return tokens;
    }

    // Begins to generate from where the session is.
    Generation generate(const GenerateOptions &options = {}) { return Generation(*this, options); }

    // Generates from where the session is, and calls `callback` with each `const Piece &`, which lives for the call. A
    // callback that answers `false` ends the generation; it may also answer nothing.
    template <class Callback, class = std::enable_if_t<std::is_invocable_v<Callback &, const Piece &>>>
    GenerationResult generate(Callback &&callback, const GenerateOptions &options = {});

    // Asks the session to stop, from any thread: feeding stops between two forwards, generating before its next token,
    // with WKV7_ERR_CANCELLED. It holds for later calls as well, until clear_cancel().
    void cancel() const { detail::check(wkv7_session_cancel(get())); }

    // Lets a cancelled session work again; what it was fed, it holds.
    void clear_cancel() const { detail::check(wkv7_session_clear_cancel(get())); }

    // What its calls took.
    Stats stats() const {
        Stats stats;
        stats.struct_size = sizeof stats;
        detail::check(wkv7_session_stats(get(), &stats));
        return stats;
    }

    // Reads all that the session remembers.
    State state() const {
        return State(detail::made<wkv7_state>(
            [this](wkv7_state **place) { return wkv7_session_state(get(), place); }));
    }

    // Lets the session continue from a state; one of another model is refused.
    void set_state(const State &state) { detail::check(wkv7_session_set_state(get(), state.get())); }

private:
    template <class Call>
    static std::vector<Top> tops(std::size_t most, Call call) {
        std::vector<Top> found(most == 0 ? 1 : most); // the C function wants a place even where nothing is written
        std::size_t count = most;
        detail::check(call(found.data(), &count));
        found.resize(count);
        return found;
    }

    detail::Handle<wkv7_session, wkv7_session_free> handle_;
};

inline Session Model::session() const { return Session(*this); }

inline Generation::Generation(Session &session, const GenerateOptions &options) {
    const detail::Generating generating(options);
    wkv7_sampler *const sampler = options.sampler != nullptr ? options.sampler->get() : nullptr;
    wkv7_generation *generation = nullptr;
    detail::check(wkv7_generation_start(session.get(), sampler, generating.raw(), &generation));
    handle_.reset(generation);
}

template <class Callback, class>
GenerationResult Session::generate(Callback &&callback, const GenerateOptions &options) {
    struct Call {
        Callback &callback;
        Piece piece = {};
        detail::Caught caught = {};

        static std::int32_t receive(void *user, const wkv7_piece *raw) noexcept {
            auto *call = static_cast<Call *>(user);
            return call->caught.run([&] {
                call->piece.assign(*raw);
                return detail::goes_on(call->callback, std::as_const(call->piece));
            });
        }
    };
    const detail::Generating generating(options);
    wkv7_sampler *const sampler = options.sampler != nullptr ? options.sampler->get() : nullptr;
    Call call{callback};
    wkv7_generation_result raw;
    raw.struct_size = sizeof raw;
    call.caught.check(wkv7_session_generate(get(), sampler, generating.raw(), &Call::receive, &call, &raw));
    return detail::result(raw);
}

/* ---- Batches: many sessions in one forward ----------------------------------------------------------------------- */

// What a step asks for.
enum class Want : std::int32_t {
    nothing = WKV7_WANT_NOTHING, // only the state matters
    last = WKV7_WANT_LAST,       // the logits after the step's last token
    all = WKV7_WANT_ALL,         // the logits after each of the step's tokens
    hidden = WKV7_WANT_HIDDEN,   // the hidden state after the step's last token
};

// Steps of many sessions that share every weight that is read. It keeps its sessions until it is cleared.
class Batch {
public:
    // An empty batch for sessions of `model`.
    explicit Batch(const Model &model)
        : handle_(detail::made<wkv7_batch>(
              [&](wkv7_batch **place) { return wkv7_batch_new(model.get(), place); })) {}

    // The C handle, which stays this object's.
    wkv7_batch *get() const noexcept { return handle_.get(); }

    // Adds a step: tokens, which are copied, for a session that is not in the batch yet. Returns the step's number.
    std::size_t add(Session &session, Span<const std::uint32_t> tokens, Want want = Want::last) {
        detail::check(wkv7_batch_add(get(), session.get(), tokens.data(), tokens.size(),
                                     static_cast<std::int32_t>(want)));
        return steps_++;
    }

    // Steps in the batch.
    std::size_t size() const noexcept { return steps_; }

    // Advances every session of the batch in one forward. Running it again feeds the same tokens again.
    void run() { detail::check(wkv7_batch_run(get())); }

    // The logits that a step asked for, [rows, vocab]: a view, which lives until the batch is run, cleared or freed.
    Span<const float> logits(std::size_t step) const { return view(wkv7_batch_logits, step); }

    // The hidden state that a step asked for, [channels]: a view, as logits() gives.
    Span<const float> hidden(std::size_t step) const { return view(wkv7_batch_hidden, step); }

    // Takes all steps out.
    void clear() {
        detail::check(wkv7_batch_clear(get()));
        steps_ = 0;
    }

private:
    template <class Call>
    Span<const float> view(Call call, std::size_t step) const {
        const float *data = nullptr;
        std::size_t count = 0;
        detail::check(call(get(), step, &data, &count));
        return {data, count};
    }

    detail::Handle<wkv7_batch, wkv7_batch_free> handle_;
    std::size_t steps_ = 0;
};

/* ---- Conversations as the text that models were trained on ------------------------------------------------------- */

// Who speaks.
enum class Role : std::int32_t {
    system = WKV7_ROLE_SYSTEM,       // whoever set the model its task
    user = WKV7_ROLE_USER,           // whoever asks
    assistant = WKV7_ROLE_ASSISTANT, // the model
    tool = WKV7_ROLE_TOOL,           // a function's output
};

// One turn of a conversation.
struct Message {
    // Who speaks.
    Role role = Role::user;
    // What is said.
    std::string text = {};
};

// How a conversation becomes text.
struct ChatOptions {
    // The family of the model: "g1" (the default) or "world".
    std::string family = {};
    // How the next answer thinks: "plain" (the default), "off", "fake", "think", "bit", "some" or "lot".
    std::string think = {};
    // Functions that the model may call, as a JSON array of objects: name, and arguments, an array of objects: name, type,
    // optional. The next answer is then a call.
    std::string tools = {};
};

// Renders conversations. It holds no handle, so it may be copied, and its const functions may run concurrently.
class Chat {
public:
    // A chat that is rendered as `options` say.
    explicit Chat(ChatOptions options = {}) : options_(std::move(options)) {}

    // The whole conversation as text, open for the next answer.
    std::string render(Span<const Message> messages) const {
        std::vector<wkv7_message> raw;
        raw.reserve(messages.size());
        for (const Message &message : messages) {
            raw.push_back(c(message));
        }
        return ask([&](const wkv7_chat_options *options, char *text, std::size_t *len) {
            return wkv7_chat_render(options, raw.data(), raw.size(), text, len);
        });
    }

    // What to feed to a session after an answer that ended at a stop text or the end of text: the next message, open for
    // the next answer.
    std::string turn(const Message &next) const {
        const wkv7_message raw = c(next);
        return ask([&](const wkv7_chat_options *options, char *text, std::size_t *len) {
            return wkv7_chat_turn(options, &raw, text, len);
        });
    }

    // The texts at which an answer ends: GenerateOptions::stop.
    std::vector<std::string> stops() const {
        std::vector<std::string> found;
        for (;;) {
            std::string stop = ask([&](const wkv7_chat_options *options, char *text, std::size_t *len) {
                return wkv7_chat_stop(options, found.size(), text, len);
            });
            if (stop.empty()) {
                return found;
            }
            found.push_back(std::move(stop));
        }
    }

    // What was said in a generated answer, without the thinking: what a later render() wants as the assistant's message.
    std::string answer(std::string_view generated) const {
        return ask([&](const wkv7_chat_options *options, char *text, std::size_t *len) {
            return wkv7_chat_answer(options, generated.data(), generated.size(), text, len);
        });
    }

private:
    static wkv7_message c(const Message &message) noexcept {
        return {detail::text(message.text), static_cast<std::int32_t>(message.role)};
    }

    template <class Call>
    std::string ask(Call call) const {
        wkv7_chat_options raw;
        detail::check(wkv7_chat_options_init(&raw, sizeof raw));
        raw.family = detail::text(options_.family);
        raw.think = detail::text(options_.think);
        raw.tools = detail::text(options_.tools);
        return detail::filled<std::string>(
            [&](char *text, std::size_t *len) { return call(&raw, text, len); });
    }

    ChatOptions options_;
};

} // namespace wkv7

#if __cplusplus >= 202002L
template <class T>
inline constexpr bool std::ranges::enable_borrowed_range<wkv7::Span<T>> = true;
template <class T>
inline constexpr bool std::ranges::enable_view<wkv7::Span<T>> = true;
#endif

#endif // WKV7_HPP
