'use strict';

// The calls that other threads make (workers.cjs). They get plain values, handles as addresses, and return such.

const { check, copied, defaults, filled, koffi, lib, made, text, textAt, textField, twoCallBytes, twoCallText, types } =
  require('./library.cjs');

// Models

/** The struct of options: texts, numbers, and where progress is told. */
function modelOptions({ progress, ...given }) {
  const options = defaults('wkv7_model_options');
  for (const [name, value] of Object.entries(given)) {
    options[name] = typeof value === 'string' ? textField(value) : value;
  }
  if (progress !== undefined) {
    options.progress = progress.callback;
    options.progress_user = progress.user;
  }
  return options;
}

exports.modelOpen = (path, options) => made('wkv7_model_open', ...text(path), modelOptions(options));

exports.modelOpenBuiltIn = (options) => made('wkv7_model_open_built_in', modelOptions(options));

// The library copies the bytes: those of JavaScript can be changed or moved away at any time.
exports.modelFromMemory = (data, options) =>
  made('wkv7_model_from_memory', data, data.byteLength, null, null, modelOptions(options));

exports.modelTuneState = (model, pairs, given, progress) => {
  const options = Object.assign(defaults('wkv7_tune_options'), given);
  const texts = pairs.map(({ prompt, answer }) => ({ prompt: textField(prompt), answer: textField(answer) }));
  const { callback = null, user = null } = progress ?? {};
  return made('wkv7_model_tune_state', model, texts, texts.length, options, callback, user);
};

exports.tokenizerOpen = (name) => made('wkv7_tokenizer_open', ...text(name));

exports.devices = () => JSON.parse(twoCallText('wkv7_devices'));

// Sessions

exports.feedText = (session, bytes) => {
  const count = new BigUint64Array(1);
  check(lib.wkv7_session_feed_text(session, bytes, bytes.length, count));
  return Number(count[0]);
};

exports.feed = (session, tokens) => {
  check(lib.wkv7_session_feed(session, tokens, tokens.length));
  return tokens.length;
};

exports.feedAll = (session, tokens, vocab) => numbers('wkv7_session_feed_all', session, tokens, tokens.length * vocab);

exports.embed = (session, tokens, channels) => numbers('wkv7_session_embed', session, tokens, channels);

/** What a function writes that feeds tokens. */
function numbers(name, session, tokens, room) {
  const count = BigUint64Array.of(BigInt(room));
  const values = new Float32Array(room);
  check(lib[name](session, tokens, tokens.length, values, count));
  return values.subarray(0, Number(count[0]));
}

exports.feedTop = (session, tokens, room) =>
  topsOf(room, (...out) => lib.wkv7_session_feed_top(session, tokens, tokens.length, ...out));

/** The largest logits that `call` writes. */
function topsOf(room, call) {
  const count = BigUint64Array.of(BigInt(room));
  const bytes = Buffer.alloc(Math.max(room, 1) * koffi.sizeof(types.wkv7_top));
  check(call(bytes, count));
  const found = count[0] === 0n ? [] : koffi.decode(bytes, types.wkv7_top, Number(count[0]));
  return found.map(({ token, logit, log_probability: logProbability }) => ({ token, logit, logProbability }));
}
exports.topsOf = topsOf;

exports.fork = (session) => made('wkv7_session_fork', session);
exports.move = (session, model) => made('wkv7_session_to', session, model);
exports.reset = (session) => check(lib.wkv7_session_reset(session));
exports.state = (session) => made('wkv7_session_state', session);
exports.setState = (session, state) => check(lib.wkv7_session_set_state(session, state));

// States

exports.stateLoad = (model, path) => made('wkv7_state_load', model, ...text(path));
exports.stateLoadTuned = (model, path, turned) => made('wkv7_state_load_tuned', model, ...text(path), turned);
exports.stateFromBytes = (model, bytes) => made('wkv7_state_from_bytes', model, bytes, bytes.length);
exports.stateSave = (state, path) => check(lib.wkv7_state_save(state, ...text(path)));
exports.stateSaveTuned = (state, path) => check(lib.wkv7_state_save_tuned(state, ...text(path)));
exports.stateToBytes = (state) => new Uint8Array(twoCallBytes('wkv7_state_to_bytes', state));

// Generations

exports.generationStart = (session, sampler, { maxTokens, stop, stopTokens }) => {
  const options = defaults('wkv7_generate_options');
  options.max_tokens = maxTokens;
  options.stop = stop.length === 0 ? null : stop.map(textField);
  options.stop_count = stop.length;
  options.stop_tokens = stopTokens.length === 0 ? null : stopTokens;
  options.stop_tokens_count = stopTokens.length;
  return made('wkv7_generation_start', session, sampler, options);
};

const out = new BigUint64Array(1);

exports.generationNext = (generation) => {
  check(lib.wkv7_generation_next(generation, out));
  if (out[0] === 0n) {
    return undefined;
  }
  const piece = koffi.decode(out[0], types.wkv7_piece);
  return { text: textAt([piece.text, piece.text_len]), token: piece.token, logProbability: piece.log_probability };
};

/** Ends a generation, after which its session holds exactly what was handed out, and tells how it ended. */
exports.generationEnd = (generation) => {
  try {
    return filled('wkv7_generation_result', 'wkv7_generation_get_result', generation);
  } finally {
    lib.wkv7_generation_free(generation);
  }
};

// Batches

/** One forward for all steps: what each wants, in order. A batch of the library lives for this call only. */
exports.batchRun = (model, steps) => {
  const batch = made('wkv7_batch_new', model);
  try {
    for (const { session, tokens, want } of steps) {
      check(lib.wkv7_batch_add(batch, session, tokens, tokens.length, want));
    }
    check(lib.wkv7_batch_run(batch));
    return steps.map(({ hidden }, index) => copied(hidden ? 'wkv7_batch_hidden' : 'wkv7_batch_logits', batch, index));
  } finally {
    lib.wkv7_batch_free(batch);
  }
};
