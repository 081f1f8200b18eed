// Runs the tests, all of them or those whose names begin with an argument.

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include <unistd.h>

#include "check.hpp"

namespace {

struct Scratch {
    std::filesystem::path path;

    Scratch() {
        std::string name = (std::filesystem::temp_directory_path() / "wkv7-cpp-XXXXXX").string();
        if (mkdtemp(name.data()) == nullptr) {
            throw std::runtime_error("no temporary folder");
        }
        path = name;
    }
    ~Scratch() {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
    }
};

bool wanted(const Test &test, int count, char **names) {
    return count == 0 || std::any_of(names, names + count, [&](const std::string &name) {
               return std::string(test.name).compare(0, name.size(), name) == 0;
           });
}

} // namespace

const std::string &model_path() {
    static const std::string path = [] {
        const char *given = std::getenv("WKV7_MODEL");
        return given == nullptr ? throw std::runtime_error("WKV7_MODEL is not set") : std::string(given);
    }();
    return path;
}

const wkv7::Model &model() {
    static const wkv7::Model opened = wkv7::Model::open(model_path());
    return opened;
}

const std::filesystem::path &scratch() {
    static const Scratch folder;
    return folder.path;
}

std::vector<char> read(const std::filesystem::path &path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

wkv7::Session fed() {
    wkv7::Session session = model().session();
    session.feed_text("Once upon a time");
    return session;
}

void fail(const char *file, int line, const std::string &text) {
    throw Failure(std::string(file) + ":" + std::to_string(line) + ": " + text);
}

int main(int argc, char **argv) {
    int run = 0, failed = 0;
    for (const Test &test : Test::all()) {
        if (!wanted(test, argc - 1, argv + 1)) {
            continue;
        }
        ++run;
        try {
            test.body();
        } catch (const std::exception &error) {
            ++failed;
            std::cerr << "FAILED " << test.name << ": " << error.what() << '\n';
        }
    }
    std::cout << "wkv7.hpp: " << run - failed << " of " << run << " tests passed\n";
    return run == 0 || failed != 0;
}
