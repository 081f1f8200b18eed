// threads MODEL PROMPT...: continues every prompt on a thread of its own, all with one model. The numbers do not depend on
// what the other threads do.

#include <future>
#include <iostream>
#include <vector>

#include <wkv7.hpp>

// A session belongs to one thread at a time, a model to all.
static std::string continued(const wkv7::Model &model, const std::string &prompt) {
    wkv7::Session session = model.session();
    wkv7::SamplerOptions sampling(model);
    sampling.seed = 1;
    wkv7::Sampler sampler(sampling);
    wkv7::GenerateOptions options;
    options.max_tokens = 40;
    options.sampler = &sampler;
    session.feed_text(prompt);
    return prompt + session.generate(options).text();
}

int main(int argc, char **argv) {
    if (argc < 3) {
        std::cerr << "usage: threads MODEL PROMPT...\n";
        return 2;
    }
    try {
        const wkv7::Model model = wkv7::Model::open(argv[1]);
        std::vector<std::future<std::string>> texts;
        for (int i = 2; i < argc; ++i) {
            texts.push_back(std::async(std::launch::async, continued, std::cref(model), std::string(argv[i])));
        }
        for (std::future<std::string> &text : texts) {
            std::cout << text.get() << '\n'; // or throws what went wrong there
        }
        return 0;
    } catch (const std::exception &error) {
        std::cerr << "threads: " << error.what() << '\n';
        return 1;
    }
}
