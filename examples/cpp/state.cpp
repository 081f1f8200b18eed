// state save MODEL FILE TEXT    reads a text and saves what the model remembers of it
// state load MODEL FILE [TEXT]  goes on from there, without reading the first text again
//
// A state file has the same size however long the text was, and knows its model: another one refuses it.

#include <iostream>

#include <wkv7.hpp>

static void save(wkv7::Session session, const char *file, const char *text) {
    session.feed_text(text);
    const wkv7::State state = session.state();
    state.save(file);
    std::cout << state.tokens_seen() << " tokens are remembered in " << file << '\n';
}

static void load(wkv7::Session session, const wkv7::State &state, const char *text) {
    session.set_state(state);
    session.feed_text(text);
    wkv7::Sampler sampler = wkv7::Sampler::greedy(); // the same text each time
    wkv7::GenerateOptions options;
    options.max_tokens = 100;
    options.sampler = &sampler;
    std::cout << text << session.generate(options).text() << '\n';
}

int main(int argc, char **argv) {
    const std::string mode = argc > 1 ? argv[1] : "";
    if (!(mode == "save" && argc == 5) && !(mode == "load" && (argc == 4 || argc == 5))) {
        std::cerr << "usage: state save MODEL FILE TEXT\n       state load MODEL FILE [TEXT]\n";
        return 2;
    }
    try {
        const wkv7::Model model = wkv7::Model::open(argv[2]);
        if (mode == "save") {
            save(model.session(), argv[3], argv[4]);
        } else {
            load(model.session(), wkv7::State::load(model, argv[3]), argc > 4 ? argv[4] : "");
        }
        return 0;
    } catch (const std::exception &error) {
        std::cerr << "state: " << error.what() << '\n';
        return 1;
    }
}
