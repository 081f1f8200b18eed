// What a program outside this repository looks like in C++17. Prints 64 greedy tokens' text.
#include <iostream>
#include <wkv7.hpp>

static int32_t show(void *, const wkv7_piece *piece) {
    std::cout.write(piece->text, static_cast<std::streamsize>(piece->text_len));
    return 0;
}

int main(int argc, char **argv) {
    wkv7_model *model = nullptr;
    if (argc != 2 || wkv7_model_open(argv[1], WKV7_NUL_TERMINATED, nullptr, &model) != WKV7_OK) {
        std::cerr << wkv7_last_error() << '\n';
        return 1;
    }
    wkv7_model_free(model);
    return show(nullptr, nullptr);
}
