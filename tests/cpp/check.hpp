// A test program in a few lines: TEST makes a test, CHECK judges, main() in main.cpp runs all.

#ifndef CHECK_HPP
#define CHECK_HPP

#include <filesystem>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <wkv7.hpp>

// A judgement that went against us.
struct Failure : std::logic_error {
    using std::logic_error::logic_error;
};

// One test.
struct Test {
    const char *name;
    void (*body)();

    // All tests of the program, in no order that matters.
    static std::vector<Test> &all() {
        static std::vector<Test> tests;
        return tests;
    }
};

// Adds a test before main() begins.
struct Register {
    Register(const char *name, void (*body)()) { Test::all().push_back({name, body}); }
};

// The fixture model's path, from $WKV7_MODEL.
const std::string &model_path();

// The fixture model, opened once: "Once upon a time" makes it tell of a frog.
const wkv7::Model &model();

// A folder that is gone when the program ends.
const std::filesystem::path &scratch();

// The file's bytes.
std::vector<char> read(const std::filesystem::path &path);

// A new session that was fed "Once upon a time".
wkv7::Session fed();

// What the fixture says greedily after "Once upon a time", as far as the first sentence goes.
constexpr const char *STORY = " there was a clever frog named Max.";

// Fails with a place and a text.
[[noreturn]] void fail(const char *file, int line, const std::string &text);

// Runs `body`, which must throw wkv7::Error with `status`; returns what it said.
template <class Body>
std::string thrown(const char *file, int line, wkv7_status status, Body body) {
    try {
        body();
    } catch (const wkv7::Error &error) {
        if (error.status() != status) {
            fail(file, line, "expected status " + std::to_string(status) + ", found " +
                                 std::to_string(error.status()) + ": " + error.what());
        }
        if (std::string(error.what()).empty()) {
            fail(file, line, "the error has no text");
        }
        return error.what();
    }
    fail(file, line, "expected an error, there was none");
}

template <class Left, class Right>
void check_equal(const char *file, int line, const Left &left, const Right &right) {
    if (!(left == right)) {
        std::ostringstream text;
        text << "expected `" << right << "`, found `" << left << "`";
        fail(file, line, text.str());
    }
}

#define TEST(name)                                                                                                     \
    static void name();                                                                                                \
    static const Register register_##name(#name, name);                                                                \
    static void name()

#define CHECK(condition) ((condition) ? void() : fail(__FILE__, __LINE__, "not so: " #condition))
#define CHECK_EQUAL(found, expected) check_equal(__FILE__, __LINE__, found, expected)
#define CHECK_THROWS(status, expression) thrown(__FILE__, __LINE__, status, [&] { static_cast<void>(expression); })

#endif
