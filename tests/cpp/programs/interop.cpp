// interop write|check LANG: leaves what this language's program got in $WKV7_INTEROP, for comparing languages bit for bit.
//
//   write  feeds a text to the model $WKV7_MODEL; LANG.logits gets the logits, little-endian f32, LANG.state the session's
//          state file, LANG.tokens 64 greedy tokens
//   check  goes on from every OTHER.state in turn; LANG.from.OTHER.tokens gets 64 greedy tokens

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <vector>

#include <wkv7.hpp>

namespace fs = std::filesystem;

namespace {

std::string variable(const char *name) {
    const char *value = std::getenv(name);
    return value == nullptr ? throw std::runtime_error(std::string(name) + " is not set") : std::string(value);
}

// A file whose errors are exceptions.
std::ofstream create(const fs::path &path) {
    std::ofstream file;
    file.exceptions(std::ios::failbit | std::ios::badbit);
    file.open(path, std::ios::binary);
    return file;
}

// The logits as little-endian f32, whatever this machine's order.
void write_logits(const wkv7::Session &session, const fs::path &path) {
    std::ofstream file = create(path);
    for (const float logit : session.logits()) {
        std::uint32_t bits = 0;
        std::memcpy(&bits, &logit, sizeof bits);
        for (int shift = 0; shift < 32; shift += 8) {
            file.put(static_cast<char>(bits >> shift & 0xff));
        }
    }
}

void write_tokens(wkv7::Session &session, const fs::path &path) {
    wkv7::Sampler sampler = wkv7::Sampler::greedy();
    wkv7::GenerateOptions options;
    options.max_tokens = 64;
    options.sampler = &sampler;
    std::ofstream file = create(path);
    const char *gap = "";
    for (const auto &piece : session.generate(options)) {
        file << gap << piece.token();
        gap = " ";
    }
    file << '\n';
}

void write(const wkv7::Model &model, const fs::path &folder, const std::string &lang) {
    wkv7::Session session = model.session();
    session.feed_text("Once upon a time");
    write_logits(session, folder / (lang + ".logits"));
    session.state().save((folder / (lang + ".state")).string());
    write_tokens(session, folder / (lang + ".tokens"));
}

void check(const wkv7::Model &model, const fs::path &folder, const std::string &lang) {
    std::vector<fs::path> states;
    for (const fs::directory_entry &file : fs::directory_iterator(folder)) {
        if (file.path().extension() == ".state") {
            states.push_back(file.path());
        }
    }
    for (const fs::path &state : states) {
        wkv7::Session session = model.session();
        session.set_state(wkv7::State::load(model, state.string()));
        write_tokens(session, folder / (lang + ".from." + state.stem().string() + ".tokens"));
    }
}

} // namespace

int main(int argc, char **argv) {
    try {
        const std::string mode = argc == 3 ? argv[1] : "";
        if (mode != "write" && mode != "check") {
            throw std::runtime_error("usage: interop write|check LANG");
        }
        const wkv7::Model model = wkv7::Model::open(variable("WKV7_MODEL"));
        (mode == "write" ? write : check)(model, variable("WKV7_INTEROP"), argv[2]);
        return 0;
    } catch (const std::exception &error) {
        std::cerr << "interop: " << error.what() << '\n';
        return 1;
    }
}
