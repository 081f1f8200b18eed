// What a program outside this repository looks like in C++17: only the installed header. Prints 64 greedy tokens' text.
#include <iostream>
#include <wkv7.hpp>

int main(int argc, char **argv) {
    if (argc != 2) {
        std::cerr << "usage: main MODEL\n";
        return 2;
    }
    try {
        const wkv7::Model model = wkv7::Model::open(argv[1]);
        wkv7::Session session = model.session();
        wkv7::Sampler sampler = wkv7::Sampler::greedy();
        wkv7::GenerateOptions options;
        options.max_tokens = 64;
        options.sampler = &sampler;
        session.feed_text("Once upon a time");
        for (const auto &piece : session.generate(options)) {
            std::cout << piece.text();
        }
        return 0;
    } catch (const std::exception &error) {
        std::cerr << "error: " << error.what() << '\n';
        return 1;
    }
}
