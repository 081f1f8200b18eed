// Generating and sampling.

#include <algorithm>
#include <cmath>
#include <numeric>

#include "check.hpp"

static_assert(!std::is_copy_constructible_v<wkv7::Generation> &&
              std::is_nothrow_move_constructible_v<wkv7::Generation>);
#if __cplusplus >= 202002L
static_assert(std::input_iterator<wkv7::Generation::iterator>);
static_assert(std::ranges::input_range<wkv7::Generation>);
#endif

namespace {

// At most `max_tokens`, the most likely each time.
struct Greedy {
    wkv7::Sampler sampler = wkv7::Sampler::greedy();
    wkv7::GenerateOptions options;

    explicit Greedy(std::size_t max_tokens) {
        options.max_tokens = max_tokens;
        options.sampler = &sampler;
    }
};

} // namespace

TEST(a_generation_is_a_range) {
    wkv7::Session session = fed();
    const Greedy greedy(35);
    std::string story;
    std::size_t pieces = 0;
    for (const auto &piece : session.generate(greedy.options)) {
        story += piece.text();
        CHECK(piece.log_probability() <= 0);
        CHECK_EQUAL(piece.token(), static_cast<std::uint32_t>(piece.text().at(0)));
        ++pieces;
    }
    CHECK_EQUAL(story, STORY);
    CHECK_EQUAL(pieces, 35u);
    CHECK_EQUAL(session.tokens_seen(), 16u + 35u);
}

TEST(pieces_can_be_kept_and_iterators_copied) {
    wkv7::Session session = fed();
    const Greedy greedy(6);
    wkv7::Generation generation = session.generate(greedy.options);
    auto at = generation.begin();
    CHECK_EQUAL(at->text(), " ");
    CHECK_EQUAL((*at++).text(), " ");
    CHECK_EQUAL(at->text(), "t");
    ++at;
    const std::vector<wkv7::Piece> rest(at, generation.end());
    CHECK_EQUAL(rest.size(), 4u);
    CHECK_EQUAL(rest[0].text() + rest[1].text(), "he");
    CHECK(generation.begin() == generation.end());
    CHECK(generation.next() == nullptr);
}

TEST(pieces_come_one_at_a_time) {
    wkv7::Session session = fed();
    const Greedy greedy(3);
    wkv7::Generation generation = session.generate(greedy.options);
    std::string text;
    while (const wkv7::Piece *piece = generation.next()) {
        text += piece->text();
    }
    CHECK_EQUAL(text, " th");
    const wkv7::GenerationResult result = generation.result();
    CHECK(result.reason == wkv7::StopReason::max_tokens);
    CHECK_EQUAL(result.tokens, 3u);
    CHECK(result.seconds > 0);
}

TEST(an_open_generation_keeps_its_session_busy) {
    wkv7::Session session = fed();
    const Greedy greedy(8);
    wkv7::Generation generation(session, greedy.options);
    generation.next();
    CHECK_THROWS(WKV7_ERR_BUSY, session.feed({33}));
    wkv7::Generation moved = std::move(generation);
    CHECK_EQUAL(moved.next()->text(), "t");
    const wkv7::GenerationResult result = moved.finish();
    CHECK(result.reason == wkv7::StopReason::none);
    CHECK_EQUAL(result.tokens, 2u);
    CHECK_THROWS(WKV7_ERR_NULL, moved.next());
    session.feed({33});
    CHECK_EQUAL(session.tokens_seen(), 16u + 2u + 1u);
}

TEST(a_loop_can_be_left) {
    wkv7::Session session = fed();
    const Greedy greedy(100);
    std::string text;
    for (const auto &piece : session.generate(greedy.options)) {
        text += piece.text();
        if (text.size() == 6) {
            break;
        }
    }
    CHECK_EQUAL(text, " there");
    CHECK_EQUAL(session.tokens_seen(), 16u + 6u); // exactly what was handed out
}

TEST(generations_stop_at_texts_and_tokens) {
    Greedy greedy(100);
    greedy.options.stop = {"dragon", " named"};
    wkv7::Session session = fed();
    wkv7::Generation generation = session.generate(greedy.options);
    CHECK_EQUAL(generation.text(), " there was a clever frog");
    CHECK(generation.result().reason == wkv7::StopReason::text);
    CHECK_EQUAL(generation.result().stop_index, 1u);
    Greedy tokens(100);
    tokens.options.stop_tokens = {'.'};
    wkv7::Session other = fed();
    wkv7::Generation sentence = other.generate(tokens.options);
    CHECK_EQUAL(sentence.text() + ".", STORY);
    CHECK(sentence.result().reason == wkv7::StopReason::token);
    CHECK_EQUAL(sentence.result().stop_token, static_cast<std::uint32_t>('.'));
}

TEST(pieces_are_called_back) {
    const Greedy greedy(35);
    wkv7::Session session = fed();
    std::string story;
    const wkv7::GenerationResult result =
        session.generate([&](const wkv7::Piece &piece) { story += piece.text(); }, greedy.options);
    CHECK_EQUAL(story, STORY);
    CHECK(result.reason == wkv7::StopReason::max_tokens);
    CHECK_EQUAL(session.stats().generated_tokens, 35u);
}

TEST(a_callback_can_stop) {
    const Greedy greedy(35);
    wkv7::Session session = fed();
    std::size_t pieces = 0;
    std::function<bool(const wkv7::Piece &)> callback = [&](const wkv7::Piece &) { return ++pieces < 4; };
    const wkv7::GenerationResult result = session.generate(callback, greedy.options);
    CHECK(result.reason == wkv7::StopReason::callback);
    CHECK_EQUAL(result.tokens, 4u);
    CHECK_EQUAL(session.tokens_seen(), 16u + 4u);
}

TEST(what_a_piece_callback_throws_comes_back) {
    const Greedy greedy(35);
    wkv7::Session session = fed();
    std::size_t pieces = 0;
    try {
        session.generate(
            [&](const wkv7::Piece &) {
                if (++pieces == 2) {
                    throw std::domain_error("no more frogs");
                }
            },
            greedy.options);
        fail(__FILE__, __LINE__, "nothing was thrown");
    } catch (const std::domain_error &error) {
        CHECK_EQUAL(std::string(error.what()), "no more frogs");
    }
    CHECK_EQUAL(pieces, 2u);
    session.feed({33}); // the session is in order
    CHECK_EQUAL(session.tokens_seen(), 16u + 2u + 1u);
}

TEST(samplers_sample_what_is_likely) {
    const wkv7::Session session = fed();
    wkv7::Sampler greedy = wkv7::Sampler::greedy();
    CHECK_EQUAL(greedy.sample(session.logits()), session.top(1)[0].token);
    CHECK_EQUAL(greedy.sample({0.0f, 2.0f, 1.0f}), 1u);
    const std::vector<float> probabilities = wkv7::Sampler().probabilities(session.logits());
    CHECK(std::abs(std::accumulate(probabilities.begin(), probabilities.end(), 0.0) - 1) < 1e-4);
    CHECK_THROWS(WKV7_ERR_SAMPLING, greedy.sample({0.0f, NAN}));
    CHECK_THROWS(WKV7_ERR_SAMPLING, greedy.probabilities({}));
}

TEST(a_seed_repeats_a_run) {
    wkv7::SamplerOptions options(model());
    options.temperature = 2;
    options.seed = 42;
    wkv7::Sampler first(options), second(options);
    CHECK_EQUAL(first.seed(), 42u);
    const wkv7::Session session = fed();
    std::vector<std::uint32_t> drawn;
    for (int i = 0; i < 16; ++i) {
        drawn.push_back(first.sample(session.logits()));
        CHECK_EQUAL(second.sample(session.logits()), drawn.back());
    }
    first.reset();
    CHECK_EQUAL(first.sample(session.logits()), drawn.front());
    CHECK(wkv7::Sampler().seed() != wkv7::Sampler().seed());
}

TEST(bans_biases_and_penalties_count) {
    wkv7::SamplerOptions options = wkv7::SamplerOptions::greedy();
    const std::vector<float> logits{1, 3, 2, 0};
    options.banned = {1};
    CHECK_EQUAL(wkv7::Sampler(options).sample(logits), 2u);
    options.bias = {{3, 10.0f}};
    CHECK_EQUAL(wkv7::Sampler(options).sample(logits), 3u);
    wkv7::SamplerOptions penalties = wkv7::SamplerOptions::greedy();
    penalties.presence = 2;
    wkv7::Sampler sampler(penalties);
    CHECK_EQUAL(sampler.sample(logits), 1u);
    sampler.accept(1);
    CHECK_EQUAL(sampler.sample(logits), 2u);
    sampler.accept(2, model().tokenizer());
    sampler.reset();
    CHECK_EQUAL(sampler.sample(logits), 1u);
    penalties.temperature = -1;
    CHECK_THROWS(WKV7_ERR_ARGUMENT, wkv7::Sampler(penalties));
}

TEST(a_generation_keeps_its_sampler) {
    wkv7::Session session = fed();
    wkv7::Generation generation = [&] {
        const Greedy greedy(4); // its sampler and options end here
        return session.generate(greedy.options);
    }();
    CHECK_EQUAL(generation.text(), " the");
}
