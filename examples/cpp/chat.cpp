// chat MODEL [SEED]: a conversation over standard input, one line a turn. Answers appear as they are made; Ctrl-C stops the
// answer, an end of file the program.

#include <csignal>
#include <cstdlib>
#include <iostream>

#include <wkv7.hpp>

namespace {

volatile std::sig_atomic_t interrupted = 0;

bool ask(const char *sign, std::string &line) {
    std::cout << sign << std::flush;
    return static_cast<bool>(std::getline(std::cin, line));
}

} // namespace

int main(int argc, char **argv) {
    if (argc < 2) {
        std::cerr << "usage: chat MODEL [SEED]\n";
        return 2;
    }
    try {
        const wkv7::Model model = wkv7::Model::open(argv[1]);
        wkv7::Session session = model.session();
        wkv7::SamplerOptions sampling(model);
        if (argc > 2) {
            sampling.seed = std::strtoull(argv[2], nullptr, 10);
        }
        wkv7::Sampler sampler(sampling);

        const wkv7::Chat chat;
        wkv7::GenerateOptions options;
        options.stop = chat.stops(); // an answer ends where the next turn would begin
        options.max_tokens = 500;
        options.sampler = &sampler;

        std::signal(SIGINT, [](int) { interrupted = 1; });
        std::string line;
        for (bool first = true; ask("> ", line); first = false) {
            const wkv7::Message message{wkv7::Role::user, line};
            session.feed_text(first ? chat.render({message}) : chat.turn(message));
            interrupted = 0;
            for (const auto &piece : session.generate(options)) {
                std::cout << piece.text() << std::flush;
                if (interrupted != 0) {
                    break; // the session holds what was said so far
                }
            }
            std::cout << '\n';
        }
        std::cout << '\n';
        return 0;
    } catch (const std::exception &error) {
        std::cerr << "chat: " << error.what() << '\n';
        return 1;
    }
}
