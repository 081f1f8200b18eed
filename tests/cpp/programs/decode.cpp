// decode N: prints the seconds that N steps take, each of which feeds a token and samples the next greedily: the fastest of
// three runs. For measuring what the boundary between languages costs. The model is $WKV7_MODEL.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <limits>

#include <wkv7.hpp>

// Seconds of one run.
static double run(wkv7::Session &session, wkv7::Sampler &sampler, long steps) {
    session.reset();
    session.feed_text("Once upon a time");
    std::uint32_t token = sampler.sample(session.logits());
    const auto begun = std::chrono::steady_clock::now();
    for (long step = 0; step < steps; ++step) {
        session.feed({token});
        token = sampler.sample(session.logits());
    }
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
}

int main(int argc, char **argv) {
    const char *path = std::getenv("WKV7_MODEL");
    const long steps = argc == 2 ? std::strtol(argv[1], nullptr, 10) : 0;
    if (path == nullptr || steps < 1) {
        std::cerr << "decode: usage: WKV7_MODEL=FILE decode N, with N at least 1\n";
        return 1;
    }
    try {
        const wkv7::Model model = wkv7::Model::open(path);
        wkv7::Session session = model.session();
        wkv7::Sampler sampler = wkv7::Sampler::greedy();
        double fastest = std::numeric_limits<double>::infinity();
        for (int i = 0; i < 3; ++i) {
            fastest = std::min(fastest, run(session, sampler, steps));
        }
        std::printf("%.6f\n", fastest);
        return 0;
    } catch (const std::exception &error) {
        std::cerr << "decode: " << error.what() << '\n';
        return 1;
    }
}
