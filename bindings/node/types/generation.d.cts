import type { Sampler, SamplerOptions } from './sampler.cjs';
import type { Tokens } from './values.cjs';

export interface GenerateOptions extends SamplerOptions {
  /**
   * How tokens are chosen. Without it: by the sampler's options among these, or the model's defaults, with a new seed.
   */
  sampler?: Sampler | undefined;
  /** Tokens to generate at most; 256 by default. */
  maxTokens?: number | undefined;
  /** Texts at which to stop; none of their text is emitted. */
  stop?: string | Iterable<string> | undefined;
  /** Tokens at which to stop, besides the end of text, which always stops. */
  stopTokens?: Tokens | undefined;
  /** Ends the generation before its next token when it is aborted, with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/** A generated token. */
export interface Piece {
  /**
   * The text that became certain with it: whole characters only, so it may be empty, or begin with a character that an
   * earlier token began.
   */
  text: string;
  token: number;
  /** Natural logarithm of the probability that the model gave it, before any penalty or cut. */
  logProbability: number;
}

/** Why a generation ended. `"none"`: it goes on, was closed before its end, or ended with an error. */
export type StopReason = 'none' | 'token' | 'text' | 'maxTokens';

/** How a generation ended, or how far it is. */
export interface GenerationResult {
  reason: StopReason;
  /** The token at which it stopped, for `"token"`. */
  stopToken: number | null;
  /** Which of the texts it stopped at, for `"text"`. */
  stopIndex: number | null;
  /** Tokens handed out. */
  tokens: number;
  /** Seconds that they took. */
  seconds: number;
}

/**
 * Pieces as they are made: `for await (const piece of generation)`. It closes itself at its end, after an error and
 * when its loop is left. The session then holds exactly what was handed out.
 */
export declare class Generation implements AsyncIterableIterator<Piece>, AsyncDisposable {
  private constructor();
  next(): Promise<IteratorResult<Piece, undefined>>;
  return(value?: undefined): Promise<IteratorResult<Piece, undefined>>;
  throw(error?: unknown): Promise<IteratorResult<Piece, undefined>>;
  [Symbol.asyncIterator](): this;
  /** All the text that is still to come. */
  text(): Promise<string>;
  /** How it ended, or how far it is. Refused with `WKV7_ERR_BUSY` while a piece is being made. */
  readonly result: GenerationResult;
  /** Ends it, after the piece that is being made. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
