import type { Session } from './session.cjs';
import type { Tokens } from './values.cjs';

/** What a step asks for. */
export interface Wants {
  /** Only the state matters. */
  nothing: null;
  /** The logits after the step's last token. */
  last: Float32Array;
  /** The logits after each of the step's tokens. */
  all: Float32Array[];
  /** The hidden state after the step's last token. */
  hidden: Float32Array;
}

/** Steps of many sessions that share every weight that is read. */
export declare class Batch {
  private constructor();
  /** Steps in it. */
  readonly length: number;
  /** Adds a step: tokens for a session that is not in the batch yet, and what it wants, `"last"` by default. */
  add(session: Session, tokens: Tokens, want?: keyof Wants): void;
  /** Takes all steps out. */
  clear(): void;
  /**
   * Advances every session in one forward; what each step wants, in order. Running it again feeds the same tokens
   * again.
   */
  run(): Promise<Wants[keyof Wants][]>;
}
