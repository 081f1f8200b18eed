/** A prompt, and the answer that should follow it. */
export interface TunePair {
  /** What is given; without it, all of the answer is learned but its first token. */
  prompt?: string | undefined;
  /** What is learned. */
  answer: string;
}

/** A step of a tuning. */
export interface TuneStep {
  /** Steps done, this one included. */
  readonly done: number;
  /** Steps in all. */
  readonly steps: number;
  /** Mean cross-entropy of the step's answers before the step, in nats a token. */
  readonly loss: number;
  /** The part of their tokens that was the most likely one. */
  readonly accuracy: number;
  /** The learning rate. */
  readonly rate: number;
  /** Euclidean norm of the gradients before clipping. */
  readonly norm: number;
  /** Tokens fed since the beginning. */
  readonly tokens: number;
  /** The step changed nothing, because its loss or norm is not finite. */
  readonly skipped: boolean;
}

export interface TuneOptions {
  /** Times that every pair is learned from; 0 means 4. */
  rounds?: number | undefined;
  /** Steps, in place of rounds; 0 means as many as the rounds take. */
  steps?: number | undefined;
  /** Pairs of a step at most; 0 means 16. */
  batch?: number | undefined;
  /** The learning rate after warming up; 0 means 1. */
  firstRate?: number | undefined;
  /** The learning rate at the end; 0 means 0.01. */
  lastRate?: number | undefined;
  /** Steps over which the rate rises, at most half of all; 0 means 10. */
  warmupSteps?: number | undefined;
  /** Of the order of the pairs. */
  seed?: number | undefined;
  /** Tokens of a pair that are fed at most; what is longer is cut; 0 means 512. */
  context?: number | undefined;
  /** 0 means one per core. */
  threads?: number | undefined;
  /** Feed token 0 first, as between the documents of pretraining. */
  lead?: boolean | undefined;
  /** Do not learn that token 0 ends an answer. */
  noEnd?: boolean | undefined;
  /**
   * Told of every step. `false` as its result ends the tuning soon, which keeps what it has learned; an error ends it
   * too, and is what the caller gets.
   */
  onProgress?: ((step: TuneStep) => unknown) | undefined;
  /** Ends the tuning when it is aborted, with an error. */
  signal?: AbortSignal | undefined;
}
