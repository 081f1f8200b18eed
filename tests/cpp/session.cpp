// Sessions: feeding, reading, forking, cancelling, and states.

#include <chrono>
#include <cmath>
#include <thread>

#include "check.hpp"

static_assert(!std::is_copy_constructible_v<wkv7::Session> && std::is_nothrow_move_constructible_v<wkv7::Session>);
static_assert(!std::is_copy_constructible_v<wkv7::State> && std::is_nothrow_move_assignable_v<wkv7::State>);

TEST(text_and_tokens_are_the_same_food) {
    wkv7::Session text = model().session(), tokens(model());
    CHECK_EQUAL(text.feed_text("Once"), 4u);
    tokens.feed(model().tokenizer().encode("Once"));
    CHECK_EQUAL(tokens.tokens_seen(), 4u);
    CHECK_EQUAL(text.logits().size(), 256u);
    CHECK(text.logits().to_vector() == tokens.logits().to_vector());
    CHECK_THROWS(WKV7_ERR_TOKEN, tokens.feed({256}));
    CHECK_THROWS(WKV7_ERR_UTF8, text.feed_text("\xff"));
    CHECK_THROWS(WKV7_ERR_NOTHING_FED, model().session().logits());
}

TEST(all_logits_end_with_the_last) {
    wkv7::Session session = model().session();
    const std::vector<float> all = session.feed_all({79, 110, 99});
    CHECK_EQUAL(all.size(), 3 * 256u);
    CHECK(wkv7::Span<const float>(all).part(2 * 256, 256).to_vector() == session.logits().to_vector());
    CHECK(session.feed_all({}).empty());
    CHECK_EQUAL(session.tokens_seen(), 3u);
}

TEST(largest_logits_fall_and_have_probabilities) {
    wkv7::Session session = fed();
    const std::vector<wkv7::Top> tops = session.top(5);
    CHECK_EQUAL(tops.size(), 5u);
    for (std::size_t i = 1; i < tops.size(); ++i) {
        CHECK(tops[i - 1].logit >= tops[i].logit);
    }
    CHECK_EQUAL(tops[0].logit, session.logits()[tops[0].token]);
    const std::vector<wkv7::Top> whole = session.top(1000);
    CHECK_EQUAL(whole.size(), 256u);
    double sum = 0;
    for (const wkv7::Top &top : whole) {
        sum += std::exp(double(top.log_probability));
    }
    CHECK(std::abs(sum - 1) < 1e-4);
    CHECK(session.top(0).empty());
    wkv7::Session other = model().session();
    const std::vector<wkv7::Top> fed_top = other.feed_top(model().tokenizer().encode("Once upon a time"), 5);
    CHECK_EQUAL(fed_top.size(), 5u);
    CHECK_EQUAL(fed_top[0].token, tops[0].token);
    CHECK_EQUAL(fed_top[0].logit, tops[0].logit);
    CHECK_THROWS(WKV7_ERR_NOTHING_FED, other.logits());
}

TEST(hidden_states_stand_for_what_was_fed) {
    wkv7::Session session = model().session();
    CHECK(session.embed({}).empty());
    const std::vector<float> hidden = session.embed({79, 110});
    CHECK_EQUAL(hidden.size(), model().info().channels);
    CHECK_EQUAL(session.tokens_seen(), 2u);
    CHECK_THROWS(WKV7_ERR_NOTHING_FED, session.top(1));
}

TEST(forks_go_their_own_way) {
    wkv7::Session session = fed();
    wkv7::Session fork = session.fork();
    CHECK(fork.logits().to_vector() == session.logits().to_vector());
    const std::vector<float> before = session.logits().to_vector();
    fork.feed({33});
    CHECK(session.logits().to_vector() == before);
    CHECK_EQUAL(fork.tokens_seen(), session.tokens_seen() + 1);
    fork.reset();
    CHECK_EQUAL(fork.tokens_seen(), 0u);
}

TEST(sessions_move_to_another_backend) {
    wkv7::ModelOptions options;
    options.backend = "reference";
    const wkv7::Model reference = wkv7::Model::open(model_path(), options);
    wkv7::Session session = fed();
    const wkv7::Session moved = session.to(reference);
    CHECK_EQUAL(moved.tokens_seen(), session.tokens_seen());
}

TEST(calls_are_counted) {
    const wkv7::Session session = fed();
    const wkv7::Stats stats = session.stats();
    CHECK_EQUAL(stats.last_tokens, 16u);
    CHECK_EQUAL(stats.fed_tokens, 16u);
    CHECK(stats.fed_seconds > 0 && stats.generated_tokens == 0);
}

TEST(a_session_is_cancelled_from_another_thread) {
    wkv7::Session session = fed();
    wkv7::Sampler greedy = wkv7::Sampler::greedy();
    std::thread other;
    std::uint64_t pieces = 0;
    wkv7::GenerateOptions options;
    options.max_tokens = std::size_t{1} << 30;
    options.sampler = &greedy;
    const std::uint64_t before = session.tokens_seen();
    CHECK_THROWS(WKV7_ERR_CANCELLED, session.generate(
                                         [&](const wkv7::Piece &) {
                                             if (++pieces == 3) {
                                                 other = std::thread([&] { session.cancel(); });
                                                 other.join();
                                             }
                                         },
                                         options));
    CHECK_EQUAL(pieces, 3u); // not one token more
    CHECK_EQUAL(session.tokens_seen(), before + 3);
    CHECK_THROWS(WKV7_ERR_CANCELLED, session.feed({33})); // it holds
    session.clear_cancel();
    session.feed({33});
    CHECK_EQUAL(session.tokens_seen(), before + 4);
}

TEST(feeding_is_cancelled_between_two_forwards) {
    wkv7::ModelOptions small;
    small.max_tokens = 16;
    const wkv7::Model opened = wkv7::Model::open(model_path(), small);
    wkv7::Session session = opened.session();
    const std::vector<std::uint32_t> tokens(std::size_t{1} << 22, 32); // minutes of work
    std::thread other([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        session.cancel();
    });
    wkv7_status status = WKV7_OK;
    try {
        session.feed(tokens);
    } catch (const wkv7::Error &error) {
        status = error.status();
    }
    other.join();
    CHECK_EQUAL(status, WKV7_ERR_CANCELLED);
    CHECK(session.tokens_seen() < tokens.size());
    CHECK_EQUAL(session.tokens_seen() % 16, 0u);
}

TEST(states_are_values) {
    wkv7::Session session = fed();
    const wkv7::State state = session.state();
    const wkv7::ModelInfo info = model().info();
    CHECK_EQUAL(state.tokens_seen(), 16u);
    CHECK_EQUAL(state.part(wkv7::Part::att_shift).size(), info.layers * info.channels);
    CHECK_EQUAL(state.part(wkv7::Part::ffn_shift).size(), info.layers * info.channels);
    CHECK_EQUAL(state.part(wkv7::Part::wkv).size(), info.layers * info.channels * info.head_size);
    CHECK(state.part(wkv7::Part::logits).to_vector() == session.logits().to_vector());
    wkv7::Session other = model().session();
    other.set_state(state);
    CHECK(other.logits().to_vector() == session.logits().to_vector());
    other.feed({33});
    session.feed({33});
    CHECK(other.logits().to_vector() == session.logits().to_vector());
}

TEST(parts_of_a_state_can_be_changed) {
    wkv7::State state(model());
    CHECK_EQUAL(state.tokens_seen(), 0u);
    std::vector<float> numbers = state.part(wkv7::Part::wkv).to_vector();
    CHECK_EQUAL(numbers.front(), 0.0f);
    numbers.front() = 0.5f;
    state.set_part(wkv7::Part::wkv, numbers);
    CHECK_EQUAL(state.part(wkv7::Part::wkv).front(), 0.5f);
    CHECK_THROWS(WKV7_ERR_ARGUMENT, state.set_part(wkv7::Part::wkv, {1.0f}));
}

TEST(states_are_saved_and_restored) {
    const wkv7::State state = fed().state();
    const std::string path = (scratch() / "saved.state").string();
    state.save(path);
    const std::vector<std::uint8_t> bytes = state.to_bytes();
    CHECK_EQUAL(bytes.size(), read(path).size());
    for (const wkv7::State &restored : {wkv7::State::load(model(), path), wkv7::State::from_bytes(model(), bytes)}) {
        CHECK_EQUAL(restored.tokens_seen(), 16u);
        CHECK(restored.part(wkv7::Part::wkv).to_vector() == state.part(wkv7::Part::wkv).to_vector());
        CHECK(restored.part(wkv7::Part::logits).to_vector() == state.part(wkv7::Part::logits).to_vector());
    }
    CHECK_THROWS(WKV7_ERR_IO, wkv7::State::load(model(), path + ".missing"));
    CHECK_THROWS(WKV7_ERR_FILE, wkv7::State::from_bytes(model(), std::string("not a state")));
    CHECK_THROWS(WKV7_ERR_FILE, wkv7::State::load_tuned(model(), path));
}

TEST(a_state_is_tuned_on_pairs_of_text) {
    wkv7::TuneOptions options;
    options.steps = 12;
    options.warmup_steps = 1;
    options.threads = 1;
    std::vector<double> losses;
    const wkv7::State state = model().tune_state(
        {{"Q: goose?\nA:", " A bird."}, {"Q: gosling?\nA:", " A young bird."}},
        [&](const wkv7::TuneProgress &step) {
            CHECK_EQUAL(step.steps, 12u);
            losses.push_back(step.loss);
        },
        options);
    CHECK_EQUAL(losses.size(), 12u);
    CHECK(losses.back() < losses.front());
    wkv7::Session plain = model().session(), tuned = model().session();
    tuned.set_state(state);
    plain.feed_text("Q: goose?\nA:");
    tuned.feed_text("Q: goose?\nA:");
    CHECK(plain.logits().to_vector() != tuned.logits().to_vector());
    const std::string path = (scratch() / "tuned.pth").string();
    state.save_tuned(path);
    const wkv7::State read = wkv7::State::load_tuned(model(), path);
    CHECK(read.part(wkv7::Part::wkv).to_vector() == state.part(wkv7::Part::wkv).to_vector());
}

TEST(a_tuning_ends_when_its_callback_says_so) {
    const std::vector<wkv7::TunePair> pairs = {{"ab", "cd"}};
    int calls = 0;
    const auto twice = [&](const wkv7::TuneProgress &) { return ++calls < 2; };
    const wkv7::State state = model().tune_state(pairs, twice);
    CHECK_EQUAL(calls, 2);
    CHECK(state.part(wkv7::Part::wkv).to_vector() != wkv7::State(model()).part(wkv7::Part::wkv).to_vector());
    CHECK_THROWS(WKV7_ERR_ARGUMENT, model().tune_state({}));
    bool caught = false;
    try {
        model().tune_state(pairs, [](const wkv7::TuneProgress &) { throw std::runtime_error("enough"); });
    } catch (const std::runtime_error &error) {
        caught = error.what() == std::string("enough");
    }
    CHECK(caught);
}
