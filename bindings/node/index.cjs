'use strict';

// An embeddable RWKV-7 engine: the entry of CommonJS. types/ describes all of it.

module.exports = {
  ...require('./lib/about.cjs'),
  Batch: require('./lib/batch.cjs').Batch,
  Chat: require('./lib/chat.cjs').Chat,
  Decoder: require('./lib/tokenizer.cjs').Decoder,
  Generation: require('./lib/generation.cjs').Generation,
  Model: require('./lib/model.cjs').Model,
  Sampler: require('./lib/sampler.cjs').Sampler,
  Session: require('./lib/session.cjs').Session,
  State: require('./lib/state.cjs').State,
  Status: require('./lib/errors.cjs').Status,
  Tokenizer: require('./lib/tokenizer.cjs').Tokenizer,
  Wkv7Error: require('./lib/errors.cjs').Wkv7Error,
};
