import type { Batch } from './batch.cjs';
import type { Session } from './session.cjs';
import type { State } from './state.cjs';
import type { Tokenizer } from './tokenizer.cjs';
import type { TuneOptions, TunePair } from './tune.cjs';
import type { Path } from './values.cjs';

export interface ModelOptions {
  /**
   * `"auto"` (the default): the best graphics card where build and machine have one, else the CPU. Or one of {@link
   * backends}; `"wgpu:INDEX"` and `"wgpu:NAME"` choose one of {@link devices}.
   */
  backend?: string | undefined;
  /**
   * `"auto"` (the default): the vocabulary inside the file, else one beside it, else by the size of the model's. Or
   * `"world"`, `"bytes"`, or the path of a vocabulary file.
   */
  tokenizer?: Path | undefined;
  /** Path of a tuned state or of a state file that every session starts from. */
  initialState?: Path | undefined;
  /** The tuned state is stored as (key, value), as web-rwkv's converter does. */
  initialStateTransposed?: boolean | undefined;
  /** Forbid every approximation that a backend would make for speed. */
  exact?: boolean | undefined;
  /** Sessions that can be open at once; 0 means 64. */
  slots?: number | undefined;
  /**
   * Tokens that one forward takes; 0 means 1024. Feeding can be cancelled between two forwards, so fewer make it stop
   * sooner.
   */
  maxTokens?: number | undefined;
  /** Threads of the CPU backend; 0 means one per core. */
  threads?: number | undefined;
  /**
   * Told how far loading is, in bytes. `false` as its result ends it, and so does an error, which is what the caller
   * gets.
   */
  onProgress?: ((done: number, total: number) => unknown) | undefined;
  /** Ends loading when it is aborted. */
  signal?: AbortSignal | undefined;
}

/** What is known of a model. */
export interface ModelInfo {
  readonly layers: number;
  /** The width of the model and of its hidden state. */
  readonly channels: number;
  /** Heads of each layer. */
  readonly heads: number;
  /** Channels of a head. */
  readonly headSize: number;
  /** Hidden units of the channel mix. */
  readonly ffn: number;
  /** Tokens of the vocabulary: the number of logits. */
  readonly vocab: number;
  /** Sessions that can be open at once. */
  readonly slots: number;
  /** Tokens that one forward takes. */
  readonly maxTokens: number;
  /** Numbers in all weights. */
  readonly parameters: number;
  /** Bytes of the file; 0 where there was none. */
  readonly fileBytes: number;
  /** Bytes of all weights. */
  readonly weightBytes: number;
  /** Bytes that the backend copied or packed beside the mapped file when it loaded. */
  readonly packedBytes: number;
  /** Bytes of weights that decoding one token touches. */
  readonly bytesPerToken: number;
  /** Multiplications and additions of one token. */
  readonly operationsPerToken: number;
  /** The token that ends a text; null where there is none. */
  readonly endOfText: number | null;
  /** Identity of the weights, whatever the file: hexadecimal. */
  readonly fingerprint: string;
  /** The element type of most bytes of the weights, such as `"F16"` or `"Q8_0"`. */
  readonly dtype: string;
  /** The backend that runs it. */
  readonly backend: string;
  /** How it was stored; empty where there was no file. */
  readonly format: string;
}

/**
 * A loaded checkpoint. Any number of sessions may use it at once. What was made from it keeps what it needs, so it can
 * be closed before them.
 */
export declare class Model implements Disposable {
  private constructor();
  /**
   * Opens a file or a folder, whatever its format: .pth, safetensors, a Hugging Face folder, GGUF, rwkv.cpp. The
   * weights stay in the file, which must not change while the model lives.
   */
  static open(path: Path, options?: ModelOptions): Promise<Model>;
  /**
   * Opens the model inside the library, a very small one that tells little stories in English: for a first try, and for
   * tests that need no file.
   */
  static builtIn(options?: ModelOptions): Promise<Model>;
  /** Opens a checkpoint of one file that lies in memory; the bytes are copied. */
  static fromMemory(data: Uint8Array, options?: ModelOptions): Promise<Model>;
  readonly info: ModelInfo;
  /**
   * All that is known: {@link info} and, of varying content, the file's own metadata and chat template, bytes by
   * element type, how the backend computes and what it packed.
   */
  json(): Record<string, unknown>;
  /** The vocabulary; it is closed with the model. */
  readonly tokenizer: Tokenizer;
  /** A new session, at the model's initial state. */
  session(): Session;
  /** An empty batch for sessions of this model. */
  batch(): Batch;
  /**
   * Learns the state from which the model answers the prompts as the pairs do: for `session.setState()`, and for later
   * by `state.saveTuned()`. It begins with the model's initial state; the weights stay as they are and may be of any
   * type.
   */
  tuneState(pairs: Iterable<TunePair>, options?: TuneOptions): Promise<State>;
  /** Lets go of the model. Closing twice is allowed, here and everywhere. */
  close(): void;
  [Symbol.dispose](): void;
}
