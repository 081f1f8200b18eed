// batch MODEL PROMPT...: continues all prompts together, one forward for the next token of each. The weights are read once
// for all of them, so that this is faster than one after another; the numbers are the same.

#include <iostream>
#include <vector>

#include <wkv7.hpp>

namespace {

struct Sequence {
    wkv7::Session session;
    wkv7::Sampler sampler; // penalties differ by sequence
    std::vector<std::uint32_t> tokens = {};
};

void run(const wkv7::Model &model, wkv7::Span<const char *const> prompts) {
    const wkv7::Tokenizer tokenizer = model.tokenizer();
    wkv7::SamplerOptions sampling(model);
    sampling.seed = 1;

    wkv7::Batch batch(model);
    std::vector<Sequence> sequences;
    for (const char *prompt : prompts) {
        sequences.push_back({model.session(), wkv7::Sampler(sampling)});
        batch.add(sequences.back().session, tokenizer.encode(prompt)); // copies the tokens
    }
    for (int step = 0; step < 40; ++step) {
        batch.run();
        for (std::size_t i = 0; i < sequences.size(); ++i) {
            const std::uint32_t token = sequences[i].sampler.sample(batch.logits(i));
            sequences[i].sampler.accept(token, tokenizer);
            sequences[i].tokens.push_back(token);
        }
        batch.clear();
        for (Sequence &sequence : sequences) {
            batch.add(sequence.session, {sequence.tokens.back()});
        }
    }
    for (std::size_t i = 0; i < sequences.size(); ++i) {
        std::cout << prompts[i] << tokenizer.decode(sequences[i].tokens) << '\n';
    }
}

} // namespace

int main(int argc, char **argv) {
    if (argc < 3) {
        std::cerr << "usage: batch MODEL PROMPT...\n";
        return 2;
    }
    try {
        run(wkv7::Model::open(argv[1]), {argv + 2, static_cast<std::size_t>(argc) - 2});
        return 0;
    } catch (const std::exception &error) {
        std::cerr << "batch: " << error.what() << '\n';
        return 1;
    }
}
