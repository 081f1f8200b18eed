import type { Model } from './model.cjs';
import type { Numbers, Path } from './values.cjs';

/** The parts of a state. */
export type StatePart = 'attShift' | 'wkv' | 'ffnShift' | 'logits';

/**
 * All that a sequence remembers at one moment, with the last logits. Its size does not depend on the number of tokens.
 */
export declare class State implements Disposable {
  private constructor();
  /** The state of a sequence that has seen nothing. */
  static zeros(model: Model): State;
  /** Reads a state file; one of another model is refused. */
  static load(model: Model, path: Path): Promise<State>;
  /**
   * Reads a tuned initial state, as trainers write it: tensors `blocks.N.att.time_state`; `transposed` where it is
   * stored as (key, value), as web-rwkv's converter does.
   */
  static loadTuned(model: Model, path: Path, options?: { transposed?: boolean }): Promise<State>;
  /** Reads the bytes of a state file; one of another model is refused. */
  static fromBytes(model: Model, bytes: Uint8Array): Promise<State>;
  readonly model: Model;
  /** Writes a state file: safetensors, with the model's fingerprint. The place never holds half a file. */
  save(path: Path): Promise<void>;
  /**
   * Writes the recurrent memory alone as a tuned initial state, which {@link loadTuned}, `initialState` and other RWKV
   * tools read: a .pth or a .safetensors, by the name of the path.
   */
  saveTuned(path: Path): Promise<void>;
  /** The bytes of a state file. */
  toBytes(): Promise<Uint8Array>;
  /** Tokens that led to the state. */
  readonly tokensSeen: number;
  /** Each layer's last time mix input, [layers, channels]: a copy, as the other parts. */
  readonly attShift: Float32Array;
  /** The recurrent memory, [layers, heads, head size (value), head size (key)]. */
  readonly wkv: Float32Array;
  /** Each layer's last channel mix input, [layers, channels]. */
  readonly ffnShift: Float32Array;
  /** The logits after the last token; empty where there are none. */
  readonly logits: Float32Array;
  /**
   * Changes a part: as many numbers as it has. The logits, which belong to what was there before, are set to nothing
   * unless they are the part.
   */
  setPart(part: StatePart, values: Numbers): void;
  close(): void;
  [Symbol.dispose](): void;
}
