#!/usr/bin/env python3
"""llama.cpp, through the low-level functions of llama-cpp-python; the command line is that of driver.py.

LLAMA_PLAIN_BUFFERS=1 keeps it from laying the weights out anew for the instructions of the machine: where the processor
has AMX, version 0.3.36 crashes over RWKV-7 in block types when it does.
"""
import ctypes
import os
import sys

import llama_cpp as llama
import numpy as np

import driver

PLAIN_BUFFERS = os.environ.get("LLAMA_PLAIN_BUFFERS", "") not in ("", "0")
QUIET = llama.llama_log_callback(lambda level, text, data: None)  # kept alive: C calls it


class Llama:
    """A model loaded by llama.cpp, on the CPU alone. `batch` is the most tokens fed at once."""

    def __init__(self, path, threads=None, batch=1024):
        llama.llama_log_set(QUIET, ctypes.c_void_p(0))
        llama.llama_backend_init()
        model = llama.llama_model_default_params()
        model.n_gpu_layers = 0
        model.use_extra_bufts = not PLAIN_BUFFERS
        self.model = llama.llama_model_load_from_file(str(path).encode(), model)
        if not self.model:
            sys.exit(f"{path}: llama.cpp does not load it")
        context = llama.llama_context_default_params()
        # One sequence and no more room than needed; a recurrent model takes any number of tokens.
        context.n_ctx = context.n_batch = context.n_ubatch = batch
        if threads:
            context.n_threads = context.n_threads_batch = threads
        self.context = llama.llama_init_from_model(self.model, context)
        if not self.context:
            sys.exit(f"{path}: llama.cpp makes no context for it")
        self.vocabulary = llama.llama_model_get_vocab(self.model)
        self.vocab = llama.llama_vocab_n_tokens(self.vocabulary)

    def feed(self, tokens):
        """Logits [vocab] after the last token."""
        ids = (llama.llama_token * len(tokens))(*tokens)  # the batch points into it and does not keep it alive
        if llama.llama_decode(self.context, llama.llama_batch_get_one(ids, len(tokens))) != 0:
            sys.exit("llama.cpp does not decode")
        return np.ctypeslib.as_array(llama.llama_get_logits_ith(self.context, -1), (self.vocab,)).copy()

    def reset(self):
        """Back to an empty state."""
        llama.llama_memory_clear(llama.llama_get_memory(self.context), True)

    def tokenize(self, raw):
        out = (llama.llama_token * (len(raw) + 8))()
        count = llama.llama_tokenize(self.vocabulary, raw, len(raw), out, len(out), False, False)
        return list(out[:count])

    def describe(self):
        """Version and the CPU features it was compiled for."""
        features = llama.llama_print_system_info().decode().strip(" |")
        version = f"llama-cpp-python {llama.__version__}" + PLAIN_BUFFERS * ", weights as they lie in the file"
        return {"name": "llama.cpp", "version": version, "features": features}

    def close(self):
        llama.llama_free(self.context)
        llama.llama_model_free(self.model)


if __name__ == "__main__":
    driver.main(lambda path, threads, batch, dtype: Llama(path, threads, batch), __doc__)
