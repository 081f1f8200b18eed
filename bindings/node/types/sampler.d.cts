import type { Model } from './model.cjs';
import type { Session } from './session.cjs';
import type { Tokenizer } from './tokenizer.cjs';
import type { Numbers, Tokens } from './values.cjs';

export interface SamplerOptions {
  /**
   * Above 1 flattens the distribution, below 1 sharpens it; it acts after all cuts. 0 is greedy: the most likely token,
   * the lowest id among equals.
   */
  temperature?: number | undefined;
  /** Keeps the most likely tokens that together reach this probability; 1 cuts nothing. */
  topP?: number | undefined;
  /** Drops tokens less likely than this part of the most likely one; 0 cuts nothing. */
  minP?: number | undefined;
  /** Locally typical sampling; 1 cuts nothing. */
  typicalP?: number | undefined;
  /** Keeps this many most likely tokens; 0 cuts nothing. */
  topK?: number | undefined;
  /** Taken from the logit of every token generated before. */
  presence?: number | undefined;
  /** Taken from a token's logit as often as it was generated before. */
  frequency?: number | undefined;
  /** What a past occurrence is worth after each further token. */
  penaltyDecay?: number | undefined;
  /** Makes a run repeatable: an integer of 64 bits. A new one each time where it is missing. */
  seed?: number | bigint | undefined;
  /** Tokens never sampled. */
  banned?: Tokens | undefined;
  /** What is added to the logits of single tokens; minus infinity bans one. */
  bias?: Readonly<Record<number, number>> | ReadonlyMap<number, number> | undefined;
}

/**
 * Chooses tokens; remembers those that it accepted, for the penalties. Options that are not given are the model's, or
 * those of the official pipeline.
 */
export declare class Sampler implements Disposable {
  constructor(options?: SamplerOptions);
  constructor(model: Model, options?: SamplerOptions);
  /** Always the most likely token, without penalties. */
  static greedy(): Sampler;
  /** Chooses a token from a session's logits or any others. It counts for the penalties once it is accepted. */
  sample(logits: Session | Numbers): number;
  /**
   * Counts a token for the penalties. With a tokenizer, digits and the like are free of the frequency penalty, as in
   * the official pipeline.
   */
  accept(token: number, tokenizer?: Tokenizer): void;
  /** The probabilities that {@link sample} would draw from. */
  probabilities(logits: Numbers): Float32Array;
  /** Forgets what was accepted and starts the seed's sequence anew. */
  reset(): void;
  /** The seed in use: give it to another sampler to repeat the run. */
  readonly seed: bigint;
  close(): void;
  [Symbol.dispose](): void;
}
