import type { GenerateOptions, Generation } from './generation.cjs';
import type { Model } from './model.cjs';
import type { State } from './state.cjs';
import type { Path, Tokens } from './values.cjs';

/** One of the largest logits. */
export interface Top {
  token: number;
  logit: number;
  /** Natural logarithm of its probability among all tokens. */
  logProbability: number;
}

/** What a session's calls took. */
export interface Stats {
  /** Tokens that the last call fed, or its generation made. */
  lastTokens: number;
  lastSeconds: number;
  fedTokens: number;
  fedSeconds: number;
  generatedTokens: number;
  generatedSeconds: number;
}

export interface FeedOptions {
  /** Stops feeding between two forwards when it is aborted; what was fed until then, the session holds. */
  signal?: AbortSignal | undefined;
}

/**
 * One sequence of tokens and all that it remembers. Calls that compute run in other threads and return promises; while
 * one runs, or a generation is open, every other call of the session is refused with `WKV7_ERR_BUSY`.
 */
export declare class Session implements Disposable {
  private constructor();
  readonly model: Model;
  /** Feeds a text or tokens; the number of tokens. The logits after the last are then there to be read. */
  feed(input: string | Tokens, options?: FeedOptions): Promise<number>;
  /** Feeds tokens; the logits after each of them. */
  feedAll(tokens: Tokens, options?: FeedOptions): Promise<Float32Array[]>;
  /**
   * Feeds tokens; the `count` (default 10) largest logits after the last, without fetching all from a device. The
   * session has no logits afterwards.
   */
  feedTop(tokens: Tokens, count?: number, options?: FeedOptions): Promise<Top[]>;
  /**
   * Feeds tokens; the hidden state after the last, which stands for all that was fed: the output of the last norm. The
   * session has no logits afterwards.
   */
  embed(tokens: Tokens, options?: FeedOptions): Promise<Float32Array>;
  /** The logits after the last token, one for each token of the vocabulary: a copy. */
  readonly logits: Float32Array;
  /** Whether there are logits. */
  readonly hasLogits: boolean;
  /** The `count` (default 10) largest logits after the last token, by falling logit, equal ones by rising token. */
  top(count?: number): Top[];
  /** Tokens fed since the sequence began. */
  readonly tokensSeen: number;
  readonly stats: Stats;
  /** Generates from here, after feeding `prompt` where there is one. It begins when it is first asked for a piece. */
  generate(prompt?: string | Tokens, options?: GenerateOptions): Generation;
  generate(options: GenerateOptions): Generation;
  /**
   * Asks the session to stop: feeding between two forwards, generating before its next token, with
   * `WKV7_ERR_CANCELLED`. It holds for later calls as well, until {@link clearCancel}.
   */
  cancel(): void;
  /** Lets a cancelled session work again; what it was fed, it holds. */
  clearCancel(): void;
  /** All that the session remembers, as a value. */
  state(): Promise<State>;
  /** Continues from a state, which stays the caller's. One of another model is refused. */
  setState(state: State): Promise<void>;
  /** Writes a state file. */
  save(path: Path): Promise<void>;
  /** Continues from a state file. */
  restore(path: Path): Promise<void>;
  /** Goes back to where new sessions of the model start. */
  reset(): Promise<void>;
  /** A second session that continues from here on its own. */
  fork(): Promise<Session>;
  /** A session of `model` that continues from here on another backend or device with the same weights. */
  to(model: Model): Promise<Session>;
  /** Frees the session and its slot, once the call that runs or the generation that is open has ended. */
  close(): void;
  [Symbol.dispose](): void;
}
