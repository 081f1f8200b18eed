/** An embeddable RWKV-7 engine, over the C library libwkv7. */

/** One token, or some: integers from 0 to the vocabulary's size. */
export type Tokens = number | Iterable<number>;
/** Numbers in order; those that are no `Float32Array` are copied. */
export type Numbers = Float32Array | ArrayLike<number>;
/** A path: text or a `file:` URL. */
export type Path = string | URL;

/** What the library answers, as numbers by name. Newer libraries may know more. */
export declare const Status: {
  readonly OK: 0;
  readonly NULL: 1;
  readonly ARGUMENT: 2;
  readonly UTF8: 3;
  readonly BUFFER: 4;
  readonly IO: 5;
  readonly FILE: 6;
  readonly UNSUPPORTED: 7;
  readonly UNAVAILABLE: 8;
  readonly NO_SLOT: 9;
  readonly WRONG_MODEL: 10;
  readonly TOKEN: 11;
  readonly TOO_LARGE: 12;
  readonly TOKENIZER: 13;
  readonly NOTHING_FED: 14;
  readonly BROKEN: 15;
  readonly BUSY: 16;
  readonly CANCELLED: 17;
  readonly DEVICE: 18;
  readonly PANIC: 19;
  readonly SAMPLING: 20;
  readonly OTHER: 21;
};

/** Anything that the library answers but success. The message is its own text, which tells the whole story. */
export declare class Wkv7Error extends Error {
  constructor(message: string, status?: number);
  /** One of {@link Status}. */
  readonly status: number;
  /** The same as the C header calls it, such as `"WKV7_ERR_FILE"`. Something that was closed has `"WKV7_ERR_NULL"`. */
  readonly code: string;
}

// The library itself

/** The library's version. */
export declare function version(): string;
/** The version of the library's ABI. */
export declare function abiVersion(): number;
/** How the library was built. */
export declare function buildInfo(): {
  version: string;
  abi_version: number;
  target: string;
  profile: string;
  features: string[];
  backends: string[];
  [more: string]: unknown;
};
/** Whether the library has a feature, one of those in {@link buildInfo}. */
export declare function hasFeature(name: string): boolean;
/** The backends of this build, fastest first. */
export declare function backends(): string[];

/** What `"wgpu:INDEX"` or `"wgpu:NAME"` can name as a backend. */
export interface Device {
  index: number;
  name: string;
  kind: string;
  api: string;
  driver: string;
  [more: string]: unknown;
}

/** The devices; none in a build without the feature `wgpu`. Asking takes up to a second. */
export declare function devices(): Promise<Device[]>;

export type LogLevel = 'off' | 'error' | 'warn' | 'info' | 'debug' | 'trace';

/**
 * Sends the log messages of the whole process's library up to `level` (default `"info"`) to `hear`, or to nobody any more
 * where that is null; then all messages so far have been heard. Without this call nothing is logged.
 */
export declare function logTo(hear: ((level: LogLevel, message: string) => void) | null, level?: LogLevel): Promise<void>;

// Models

export interface ModelOptions {
  /** `"auto"` (the default): the best graphics card where build and machine have one, else the CPU. Or one of {@link backends}; `"wgpu:INDEX"` and `"wgpu:NAME"` choose one of {@link devices}. */
  backend?: string | undefined;
  /** `"auto"` (the default): the vocabulary inside the file, else one beside it, else by the size of the model's. Or `"world"`, `"bytes"`, or the path of a vocabulary file. */
  tokenizer?: Path | undefined;
  /** Path of a tuned state or of a state file that every session starts from. */
  initialState?: Path | undefined;
  /** The tuned state is stored as (key, value), as web-rwkv's converter does. */
  initialStateTransposed?: boolean | undefined;
  /** Forbid every approximation that a backend would make for speed. */
  exact?: boolean | undefined;
  /** Sessions that can be open at once; 0 means 64. */
  slots?: number | undefined;
  /** Tokens that one forward takes; 0 means 1024. Feeding can be cancelled between two forwards, so fewer make it stop sooner. */
  maxTokens?: number | undefined;
  /** Threads of the CPU backend; 0 means one per core. */
  threads?: number | undefined;
  /** Told how far loading is, in bytes. `false` as its result ends it, and so does an error, which is what the caller gets. */
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
 * A loaded checkpoint. Any number of sessions may use it at once. What was made from it keeps what it needs, so it can be
 * closed before them.
 */
export declare class Model implements Disposable {
  private constructor();
  /**
   * Opens a file or a folder, whatever its format: .pth, safetensors, a Hugging Face folder, GGUF, rwkv.cpp. The weights
   * stay in the file, which must not change while the model lives.
   */
  static open(path: Path, options?: ModelOptions): Promise<Model>;
  /** Opens a checkpoint of one file that lies in memory; the bytes are copied. */
  static fromMemory(data: Uint8Array, options?: ModelOptions): Promise<Model>;
  readonly info: ModelInfo;
  /** All that is known: {@link info} and, of varying content, the file's own metadata and chat template, bytes by element type, how the backend computes and what it packed. */
  json(): Record<string, unknown>;
  /** The vocabulary; it is closed with the model. */
  readonly tokenizer: Tokenizer;
  /** A new session, at the model's initial state. */
  session(): Session;
  /** An empty batch for sessions of this model. */
  batch(): Batch;
  /** Lets go of the model. Closing twice is allowed, here and everywhere. */
  close(): void;
  [Symbol.dispose](): void;
}

// Sessions

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
 * One sequence of tokens and all that it remembers. Calls that compute run in other threads and return promises; while one
 * runs, or a generation is open, every other call of the session is refused with `WKV7_ERR_BUSY`.
 */
export declare class Session implements Disposable {
  private constructor();
  readonly model: Model;
  /** Feeds a text or tokens; the number of tokens. The logits after the last are then there to be read. */
  feed(input: string | Tokens, options?: FeedOptions): Promise<number>;
  /** Feeds tokens; the logits after each of them. */
  feedAll(tokens: Tokens, options?: FeedOptions): Promise<Float32Array[]>;
  /** Feeds tokens; the `count` (default 10) largest logits after the last, without fetching all from a device. The session has no logits afterwards. */
  feedTop(tokens: Tokens, count?: number, options?: FeedOptions): Promise<Top[]>;
  /** Feeds tokens; the hidden state after the last, which stands for all that was fed: the output of the last norm. The session has no logits afterwards. */
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
  /** Asks the session to stop: feeding between two forwards, generating before its next token, with `WKV7_ERR_CANCELLED`. It holds for later calls as well, until {@link clearCancel}. */
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

// Generations

export interface GenerateOptions extends SamplerOptions {
  /** How tokens are chosen. Without it: by the sampler's options among these, or the model's defaults, with a new seed. */
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
  /** The text that became certain with it: whole characters only, so it may be empty, or begin with a character that an earlier token began. */
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
 * Pieces as they are made: `for await (const piece of generation)`. It closes itself at its end, after an error and when
 * its loop is left. The session then holds exactly what was handed out.
 */
export declare class Generation implements AsyncIterableIterator<Piece>, AsyncDisposable {
  private constructor();
  next(): Promise<IteratorResult<Piece, undefined>>;
  return(value?: undefined): Promise<IteratorResult<Piece, undefined>>;
  throw(error?: unknown): Promise<IteratorResult<Piece, undefined>>;
  [Symbol.asyncIterator](): this;
  /** All the text that is still to come. */
  text(): Promise<string>;
  /** How it ended, or how far it is. */
  readonly result: GenerationResult;
  /** Ends it, after the piece that is being made. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

// Sampling

export interface SamplerOptions {
  /** Above 1 flattens the distribution, below 1 sharpens it; it acts after all cuts. 0 is greedy: the most likely token, the lowest id among equals. */
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

/** Chooses tokens; remembers those that it accepted, for the penalties. Options that are not given are the model's, or those of the official pipeline. */
export declare class Sampler implements Disposable {
  constructor(options?: SamplerOptions);
  constructor(model: Model, options?: SamplerOptions);
  /** Always the most likely token, without penalties. */
  static greedy(): Sampler;
  /** Chooses a token from a session's logits or any others. It counts for the penalties once it is accepted. */
  sample(logits: Session | Numbers): number;
  /** Counts a token for the penalties. With a tokenizer, digits and the like are free of the frequency penalty, as in the official pipeline. */
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

// Vocabularies

/** A vocabulary: text to tokens and back. */
export declare class Tokenizer implements Disposable {
  private constructor();
  /** `"world"` (the default), `"bytes"`, or the path of a file: the official text form or a `tokenizer.json`. */
  static open(name?: Path): Promise<Tokenizer>;
  /** One more than the largest token of the vocabulary. */
  readonly size: number;
  /** The token that ends a text; null where there is none. */
  readonly endOfText: number | null;
  /** The tokens of a text, which may be any bytes, except where a `tokenizer.json` wants UTF-8. */
  encode(text: string | Uint8Array): Uint32Array;
  /** The text of tokens; half a character becomes U+FFFD. */
  decode(tokens: Tokens): string;
  /** The bytes of tokens, joined; they may begin or end inside a character. */
  decodeBytes(tokens: Tokens): Uint8Array;
  /** The bytes that a token stands for; none for the end of text and other special tokens. */
  token(token: number): Uint8Array;
  /** A decoder of tokens that come one at a time. */
  decoder(): Decoder;
  /** The text of tokens as they come, in whole characters. */
  decodeStream(tokens: Iterable<number> | AsyncIterable<number>): AsyncGenerator<string, void, undefined>;
  close(): void;
  [Symbol.dispose](): void;
}

/** Turns tokens into text as they come; no character is cut. */
export declare class Decoder implements Disposable {
  private constructor();
  /** Takes the next token; the text that is certain now, often none. */
  push(token: number): string;
  /** Ends the text: half a character becomes U+FFFD, and the decoder is as new. */
  finish(): string;
  close(): void;
  [Symbol.dispose](): void;
}

// Conversations

export type Role = 'system' | 'user' | 'assistant' | 'tool';

/** One turn of a conversation. */
export interface Message {
  role: Role;
  text: string;
}

/** A function that the model may call. */
export interface Tool {
  name: string;
  arguments: readonly { name: string; type: string; optional?: boolean; [more: string]: unknown }[];
  [more: string]: unknown;
}

export interface ChatOptions {
  /** The family of the model: `"g1"` (the default) or `"world"`. */
  family?: string | undefined;
  /** How the next answer thinks: `"plain"` (the default), `"off"`, `"fake"`, `"think"`, `"bit"`, `"some"` or `"lot"`. */
  think?: string | undefined;
  /** Functions that the model may call. The next answer is then a call. */
  tools?: readonly Tool[] | undefined;
}

/** How a conversation becomes the text that models were trained on. */
export declare class Chat {
  constructor(options?: ChatOptions);
  /** The whole conversation as text, open for the next answer. */
  render(messages: Iterable<Message>): string;
  /** What to feed after an answer that ended at a stop text or the end of text: the next message, the user's where only its text is given, open for the next answer. */
  turn(message: Message | string): string;
  /** The texts at which an answer ends, for {@link Session.generate}. */
  readonly stops: string[];
  /** What was said in a generated answer, without the thinking: what a later {@link render} wants as the assistant's message. */
  answer(generated: string): string;
}

// States

/** The parts of a state. */
export type StatePart = 'attShift' | 'wkv' | 'ffnShift' | 'logits';

/** All that a sequence remembers at one moment, with the last logits. Its size does not depend on the number of tokens. */
export declare class State implements Disposable {
  private constructor();
  /** The state of a sequence that has seen nothing. */
  static zeros(model: Model): State;
  /** Reads a state file; one of another model is refused. */
  static load(model: Model, path: Path): Promise<State>;
  /** Reads a tuned initial state, as trainers write it: tensors `blocks.N.att.time_state`; `transposed` where it is stored as (key, value), as web-rwkv's converter does. */
  static loadTuned(model: Model, path: Path, options?: { transposed?: boolean }): Promise<State>;
  /** Reads the bytes of a state file; one of another model is refused. */
  static fromBytes(model: Model, bytes: Uint8Array): Promise<State>;
  readonly model: Model;
  /** Writes a state file: safetensors, with the model's fingerprint. The place never holds half a file. */
  save(path: Path): Promise<void>;
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
  /** Changes a part: as many numbers as it has. The logits, which belong to what was there before, are set to nothing unless they are the part. */
  setPart(part: StatePart, values: Numbers): void;
  close(): void;
  [Symbol.dispose](): void;
}

// Batches

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
  /** Advances every session in one forward; what each step wants, in order. Running it again feeds the same tokens again. */
  run(): Promise<Wants[keyof Wants][]>;
}
