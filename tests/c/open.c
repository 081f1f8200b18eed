/* Opens a file that is no model and prints the status and the text, for comparison with the command. */
#include "check.h"

int main(int argc, char **argv) {
    wkv7_model *model = NULL;
    CHECK(argc == 2, "usage: open FILE");
    wkv7_status status = wkv7_model_open(argv[1], WKV7_NUL_TERMINATED, NULL, &model);
    CHECK(status != WKV7_OK && model == NULL, "%s is a model", argv[1]);
    printf("%s\n", wkv7_last_error());
    return 0;
}
