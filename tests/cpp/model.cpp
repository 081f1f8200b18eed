// Models and vocabularies.

#include <cstring>
#include <thread>

#include "check.hpp"

static_assert(!std::is_copy_constructible_v<wkv7::Model> && std::is_nothrow_move_constructible_v<wkv7::Model>);
static_assert(!std::is_copy_assignable_v<wkv7::Tokenizer> && std::is_nothrow_move_assignable_v<wkv7::Tokenizer>);
static_assert(!std::is_copy_constructible_v<wkv7::Decoder>);

TEST(a_model_tells_of_itself) {
    const wkv7::ModelInfo info = model().info();
    CHECK_EQUAL(info.vocab, 256u);
    CHECK_EQUAL(info.channels, info.heads * info.head_size);
    CHECK_EQUAL(std::strlen(info.fingerprint), 32u);
    CHECK_EQUAL(std::string(info.backend), "cpu");
    CHECK(model().json().find(info.fingerprint) != std::string::npos);
}

TEST(options_reach_the_library) {
    wkv7::ModelOptions options;
    options.backend = "reference";
    options.tokenizer = "bytes";
    options.slots = 2;
    options.max_tokens = 5;
    options.exact = true;
    options.threads = 1;
    const wkv7::Model opened = wkv7::Model::open(model_path(), options);
    CHECK_EQUAL(std::string(opened.info().backend), "reference");
    CHECK_EQUAL(opened.info().slots, 2u);
    CHECK_EQUAL(opened.info().max_tokens, 5u);
    const wkv7::Session first = opened.session(), second = opened.session();
    CHECK_THROWS(WKV7_ERR_NO_SLOT, opened.session());
    options.backend = "abacus";
    const std::string said = CHECK_THROWS(WKV7_ERR_UNAVAILABLE, wkv7::Model::open(model_path(), options));
    CHECK(said.find("abacus") != std::string::npos);
}

TEST(sessions_start_from_the_initial_state) {
    const std::string path = (scratch() / "start.state").string();
    fed().state().save(path);
    wkv7::ModelOptions options;
    options.initial_state = path;
    wkv7::Session session = wkv7::Model::open(model_path(), options).session(); // keeps its model
    CHECK_EQUAL(session.tokens_seen(), 16u);
    options.initial_state = model_path();
    CHECK_THROWS(WKV7_ERR_FILE, wkv7::Model::open(model_path(), options));
}

TEST(loading_tells_how_far_it_is) {
    std::uint64_t last = 0, whole = 0;
    wkv7::ModelOptions options;
    options.progress = [&](std::uint64_t done, std::uint64_t total) {
        CHECK(done >= last && done <= total);
        last = done;
        whole = total;
        return true;
    };
    wkv7::Model::open(model_path(), options);
    CHECK(whole > 0);
    CHECK_EQUAL(last, whole);
}

TEST(loading_can_be_cancelled) {
    wkv7::ModelOptions options;
    options.progress = [](std::uint64_t, std::uint64_t) { return false; };
    CHECK_THROWS(WKV7_ERR_CANCELLED, wkv7::Model::open(model_path(), options));
}

TEST(what_a_progress_callback_throws_comes_back) {
    wkv7::ModelOptions options;
    options.progress = [](std::uint64_t, std::uint64_t) -> bool { throw std::out_of_range("enough"); };
    try {
        wkv7::Model::open(model_path(), options);
        fail(__FILE__, __LINE__, "nothing was thrown");
    } catch (const std::out_of_range &error) {
        CHECK_EQUAL(std::string(error.what()), "enough");
    }
}

TEST(the_built_in_model_needs_no_file) {
    wkv7::ModelOptions options;
    options.threads = 1;
    const wkv7::Model built_in = wkv7::Model::built_in(options);
    CHECK_EQUAL(built_in.info().end_of_text, 0);
    CHECK(built_in.json().find("\"path\":\"built-in\"") != std::string::npos);
    wkv7::Session session = built_in.session();
    session.feed_text("Once upon a time");
    CHECK(!session.generate().text().empty());
    options.progress = [](std::uint64_t, std::uint64_t) { return false; };
    CHECK_THROWS(WKV7_ERR_CANCELLED, wkv7::Model::built_in(options));
}

TEST(models_open_from_memory) {
    const std::vector<char> bytes = read(model_path());
    const wkv7::Model copied = wkv7::Model::from_memory(bytes);
    CHECK_EQUAL(std::string(copied.info().fingerprint), model().info().fingerprint);
    CHECK_THROWS(WKV7_ERR_FILE, wkv7::Model::from_memory(std::string("no model at all, just a text")));
    CHECK_THROWS(WKV7_ERR_NULL, wkv7::Model::from_memory(wkv7::Bytes(nullptr, 8)));
}

TEST(memory_is_borrowed_until_it_is_needed_no_more) {
    auto bytes = std::make_shared<const std::vector<char>>(read(model_path()));
    const std::weak_ptr<const std::vector<char>> watch = bytes;
    {
        wkv7::Session session = [&] {
            const wkv7::Model borrowed = wkv7::Model::from_memory(std::move(bytes));
            return borrowed.session();
        }();
        CHECK(!watch.expired()); // the session keeps its model, and that the bytes
        session.feed_text("Once upon a time");
        CHECK_EQUAL(session.tokens_seen(), 16u);
    }
    CHECK(watch.expired());
    auto junk = std::make_shared<const std::string>("no model at all, just a text");
    const std::weak_ptr<const std::string> refused = junk;
    CHECK_THROWS(WKV7_ERR_FILE, wkv7::Model::from_memory(std::move(junk)));
    CHECK(refused.expired());
    bool freed = false;
    const std::vector<char> elsewhere = read(model_path());
    const auto deleter = [&](wkv7::Bytes *view) {
        freed = true;
        delete view;
    };
    const std::shared_ptr<wkv7::Bytes> view(new wkv7::Bytes(elsewhere), deleter);
    CHECK_EQUAL(wkv7::Model::from_memory(view).info().vocab, 256u);
    CHECK(!freed);
    CHECK_THROWS(WKV7_ERR_FILE, wkv7::Model::from_memory(std::shared_ptr<std::string>()));
}

TEST(vocabularies_encode_and_decode) {
    const wkv7::Tokenizer bytes = model().tokenizer();
    const std::string text = "na\xc3\xafve";
    const std::vector<std::uint32_t> tokens = bytes.encode(text);
    CHECK_EQUAL(tokens.size(), 6u);
    CHECK_EQUAL(bytes.decode(tokens), text);
    CHECK_EQUAL(bytes.decode({72, 105}), "Hi");
    CHECK_EQUAL(bytes.decode({}), "");
    CHECK(bytes.encode("").empty());
    CHECK_EQUAL(bytes.token(65), "A");
    CHECK_THROWS(WKV7_ERR_TOKENIZER, bytes.decode({70000}));
    const wkv7::Tokenizer world = wkv7::Tokenizer::open("world");
    CHECK_EQUAL(world.size(), 65530u);
    CHECK_EQUAL(world.end_of_text().value(), 0u);
    CHECK_EQUAL(world.encode("Once upon a time").size(), 4u);
    const std::string same(500, '='); // the longest tokens: more bytes than the first guess has room for
    CHECK_EQUAL(world.decode(world.encode(same)), same);
    CHECK_THROWS(WKV7_ERR_IO, wkv7::Tokenizer::open("/no/such/vocabulary"));
}

TEST(decoders_cut_no_character) {
    wkv7::Decoder decoder = model().tokenizer().decoder(); // keeps its vocabulary
    CHECK_EQUAL(decoder.push('a'), "a");
    CHECK_EQUAL(decoder.push(0xe2), "");
    CHECK_EQUAL(decoder.push(0x82), "");
    CHECK_EQUAL(decoder.push(0xac), "\xe2\x82\xac");
    CHECK_EQUAL(decoder.push(0xe2), "");
    CHECK_EQUAL(decoder.finish(), "\xef\xbf\xbd");
    CHECK_EQUAL(decoder.push('b'), "b");
}

TEST(a_model_serves_many_threads) {
    const auto story = [] {
        wkv7::Session session = fed();
        wkv7::Sampler sampler = wkv7::Sampler::greedy();
        wkv7::GenerateOptions options;
        options.max_tokens = 48;
        options.sampler = &sampler;
        return session.generate(options).text();
    };
    const std::string expected = story();
    std::vector<std::string> found(8);
    std::vector<std::thread> threads;
    for (std::string &place : found) {
        threads.emplace_back([&] { place = story(); });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    for (const std::string &text : found) {
        CHECK_EQUAL(text, expected);
    }
}
