// The library's own facts, its log, errors, and views.

#include <array>
#include <atomic>
#include <mutex>
#include <numeric>
#include <thread>

#include "check.hpp"

#if __cplusplus >= 202002L
#include <span>
#endif

TEST(versions_agree_with_the_header) {
    CHECK_EQUAL(wkv7::abi_version(), std::uint32_t{WKV7_ABI_VERSION});
    const std::string expected = std::to_string(WKV7_VERSION_MAJOR) + "." + std::to_string(WKV7_VERSION_MINOR) + "." +
                                 std::to_string(WKV7_VERSION_PATCH);
    CHECK_EQUAL(wkv7::version(), expected);
    CHECK(wkv7::build_info().find("\"abi_version\"") != std::string_view::npos);
}

TEST(features_backends_and_devices_are_told) {
    CHECK(!wkv7::has_feature("telepathy"));
    const std::string backends = wkv7::backends();
    CHECK(backends.find("\"cpu\"") != std::string::npos);
    CHECK(backends.find("\"reference\"") != std::string::npos);
    CHECK_EQUAL(wkv7::devices().front(), '[');
}

TEST(errors_carry_status_kind_and_story) {
    try {
        wkv7::Model::open("/no/such/model.safetensors");
        fail(__FILE__, __LINE__, "opened what is not there");
    } catch (const wkv7::Error &error) {
        CHECK_EQUAL(error.status(), WKV7_ERR_IO);
        CHECK(std::string(error.what()).find("/no/such/model.safetensors") != std::string::npos);
        CHECK_EQUAL(error.kind(), wkv7_status_message(WKV7_ERR_IO));
        CHECK(!error.kind().empty());
    }
    const std::exception &base = wkv7::Error(WKV7_ERR_BUSY, "in use");
    CHECK_EQUAL(std::string(base.what()), "in use");
}

TEST(log_messages_arrive_and_end) {
    std::mutex lock;
    std::vector<std::string> messages;
    std::atomic<int> bad_levels{0};
    wkv7::log(wkv7::LogLevel::trace, [&](wkv7::LogLevel level, std::string_view message) {
        bad_levels += level == wkv7::LogLevel::off;
        const std::lock_guard<std::mutex> locked(lock);
        messages.emplace_back(message);
    });
    wkv7::Model::open(model_path());
    wkv7::log(wkv7::LogLevel::off);
    const std::size_t heard = messages.size();
    CHECK(heard > 0);
    CHECK_EQUAL(bad_levels.load(), 0);
    wkv7::Model::open(model_path());
    CHECK_EQUAL(messages.size(), heard);
}

TEST(what_a_log_callback_throws_is_lost) {
    int called = 0;
    wkv7::log(wkv7::LogLevel::trace, [&](wkv7::LogLevel, std::string_view) {
        ++called;
        throw std::runtime_error("nobody hears this");
    });
    const wkv7::Model opened = wkv7::Model::open(model_path());
    wkv7::log(wkv7::LogLevel::trace);
    CHECK(called > 0);
    CHECK(opened.get() != nullptr);
}

TEST(spans_take_what_is_contiguous) {
    const auto sum = [](wkv7::Span<const std::uint32_t> span) {
        return std::accumulate(span.begin(), span.end(), std::uint32_t{0});
    };
    std::vector<std::uint32_t> vector{1, 2, 3};
    const std::array<std::uint32_t, 2> array{4, 5};
    const std::uint32_t plain[] = {6, 7};
    CHECK_EQUAL(sum(vector), 6u);
    CHECK_EQUAL(sum(array), 9u);
    CHECK_EQUAL(sum(plain), 13u);
    CHECK_EQUAL(sum({8, 9, 10}), 27u);
    CHECK_EQUAL(sum({}), 0u);
    CHECK_EQUAL(sum({vector.data(), 2}), 3u);
    const wkv7::Span<const std::uint32_t> span = vector;
    CHECK_EQUAL(span.front(), 1u);
    CHECK_EQUAL(span.back(), 3u);
    CHECK_EQUAL(span[1], 2u);
    CHECK_EQUAL(sum(span.part(1, 2)), 5u);
    CHECK(!span.empty());
    CHECK(span.to_vector() == vector);
    const wkv7::Span<std::uint32_t> writable = vector;
    writable[0] = 11;
    CHECK_EQUAL(vector[0], 11u);
    CHECK_EQUAL(sum(writable), 16u);
#if __cplusplus >= 202002L
    const std::span<const std::uint32_t> standard = span;
    CHECK_EQUAL(standard.size(), 3u);
    CHECK_EQUAL(sum(standard), 16u);
    static_assert(std::ranges::contiguous_range<wkv7::Span<const float>>);
    static_assert(std::ranges::view<wkv7::Span<const float>>);
#endif
}

TEST(what_was_moved_from_says_null) {
    wkv7::Session session = model().session();
    wkv7::Session moved = std::move(session);
    CHECK_THROWS(WKV7_ERR_NULL, session.reset());
    session = std::move(moved);
    session.feed({65});
    CHECK_EQUAL(session.tokens_seen(), 1u);
}
