// Batches of sessions, and conversations as text.

#include "check.hpp"

static_assert(!std::is_copy_constructible_v<wkv7::Batch> && std::is_nothrow_move_constructible_v<wkv7::Batch>);
static_assert(std::is_copy_constructible_v<wkv7::Chat>);

TEST(a_batch_gives_what_single_sessions_get) {
    wkv7::Session first = fed(), second = model().session(), third = model().session();
    wkv7::Session alone = fed();
    alone.feed({33});
    wkv7::Batch batch(model());
    CHECK_EQUAL(batch.add(first, {33}), 0u);
    CHECK_EQUAL(batch.add(second, {79, 110}, wkv7::Want::all), 1u);
    CHECK_EQUAL(batch.add(third, {79, 110}, wkv7::Want::hidden), 2u);
    CHECK_EQUAL(batch.size(), 3u);
    CHECK_THROWS(WKV7_ERR_ARGUMENT, batch.add(first, {34}));
    CHECK_EQUAL(batch.size(), 3u);
    batch.run();
    CHECK(batch.logits(0).to_vector() == alone.logits().to_vector());
    CHECK_EQUAL(batch.logits(1).size(), 2 * 256u);
    CHECK(batch.logits(1).part(256, 256).to_vector() == second.logits().to_vector());
    CHECK_EQUAL(batch.hidden(2).size(), model().info().channels);
    CHECK(batch.hidden(2).to_vector() == model().session().embed({79, 110}));
    CHECK_EQUAL(third.tokens_seen(), 2u);
    CHECK_THROWS(WKV7_ERR_ARGUMENT, batch.logits(3));
    batch.clear();
    CHECK_EQUAL(batch.size(), 0u);
    CHECK_EQUAL(batch.add(first, {34}, wkv7::Want::nothing), 0u);
    batch.run();
    CHECK_EQUAL(first.tokens_seen(), 18u);
}

TEST(a_batch_refuses_other_models_sessions) {
    const wkv7::Model other = wkv7::Model::open(model_path());
    wkv7::Session session = other.session();
    wkv7::Batch batch(model());
    batch.add(session, {33});
    CHECK_THROWS(WKV7_ERR_WRONG_MODEL, batch.run());
}

TEST(conversations_are_rendered) {
    const wkv7::Chat chat;
    CHECK_EQUAL(chat.render({{wkv7::Role::user, "Hi!"}}), "User: Hi!\n\nAssistant:");
    CHECK_EQUAL(chat.render({{wkv7::Role::system, "Be brief."}, {wkv7::Role::user, "Hi!"}}),
                "System: Be brief.\n\nUser: Hi!\n\nAssistant:");
    const std::vector<wkv7::Message> messages{
        {wkv7::Role::user, "Hi!"}, {wkv7::Role::assistant, "Hello."}, {wkv7::Role::user, "Bye."}};
    CHECK_EQUAL(chat.render(messages), "User: Hi!\n\nAssistant: Hello.\n\nUser: Bye.\n\nAssistant:");
    CHECK_EQUAL(chat.turn({wkv7::Role::user, "Bye."}), "\n\nUser: Bye.\n\nAssistant:");
    CHECK_EQUAL(chat.turn({wkv7::Role::tool, "21 C"}), "\n\nUser: Function output:\n21 C\n\nAssistant:");
    CHECK(chat.stops() == std::vector<std::string>{"\n\nUser:"});
    CHECK_EQUAL(chat.answer(" <think>hm</think> Yes. "), "Yes.");
}

TEST(chat_options_count) {
    wkv7::ChatOptions options;
    options.family = "world";
    CHECK(wkv7::Chat(options).stops() == std::vector<std::string>{"\n\n"});
    options.family = "";
    options.think = "fake";
    CHECK_EQUAL(wkv7::Chat(options).render({{wkv7::Role::user, "Hi!"}}),
                "User: Hi!\n\nAssistant: <think>\n</think");
    options.think = "";
    options.tools = R"([{"name": "weather", "arguments": [{"name": "city", "type": "string"}]}])";
    const std::string call = wkv7::Chat(options).render({{wkv7::Role::user, "Rain in Bonn?"}});
    CHECK(call.find("weather") != std::string::npos);
    CHECK(call.size() > 7 && call.compare(call.size() - 7, 7, "```json") == 0);
    options.tools = "no JSON";
    CHECK_THROWS(WKV7_ERR_ARGUMENT, wkv7::Chat(options).stops());
    options = {"klingon", "", ""};
    CHECK_THROWS(WKV7_ERR_ARGUMENT, wkv7::Chat(options).render({}));
}
