// generate MODEL PROMPT [SEED]: continues a text, piece by piece as it comes. The same seed gives the same text.

#include <cstdlib>
#include <iomanip>
#include <iostream>

#include <wkv7.hpp>

int main(int argc, char **argv) {
    if (argc < 3) {
        std::cerr << "usage: generate MODEL PROMPT [SEED]\n";
        return 2;
    }
    try {
        const wkv7::Model model = wkv7::Model::open(argv[1]);
        wkv7::Session session = model.session();

        wkv7::SamplerOptions sampling(model); // what the model's family recommends
        if (argc > 3) {
            sampling.seed = std::strtoull(argv[3], nullptr, 10);
        }
        wkv7::Sampler sampler(sampling);
        wkv7::GenerateOptions options;
        options.max_tokens = 200;
        options.sampler = &sampler;

        std::cout << argv[2];
        session.feed_text(argv[2]);
        wkv7::Generation generation = session.generate(options);
        for (const auto &piece : generation) {
            std::cout << piece.text() << std::flush;
        }
        std::cout << '\n';
        const wkv7::GenerationResult result = generation.result();
        std::cerr << result.tokens << " tokens in " << std::fixed << std::setprecision(2) << result.seconds << " s\n";
        return 0;
    } catch (const std::exception &error) {
        std::cerr << "generate: " << error.what() << '\n';
        return 1;
    }
}
