// `AbortSignal`, `Disposable` and `URL` are Node's; @types/node declares them.
/// <reference types="node" />

/** An embeddable RWKV-7 engine, over the C library libwkv7. */

export * from './types/batch.cjs';
export * from './types/chat.cjs';
export * from './types/generation.cjs';
export * from './types/library.cjs';
export * from './types/model.cjs';
export * from './types/sampler.cjs';
export * from './types/session.cjs';
export * from './types/state.cjs';
export * from './types/tokenizer.cjs';
export * from './types/tune.cjs';
export * from './types/values.cjs';
