import type { Path, Tokens } from './values.cjs';

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
