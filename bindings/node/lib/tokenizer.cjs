'use strict';

const { HANDLE, Handle, OURS, dispose, onlyOurs } = require('./handle.cjs');
const { bytesAt, check, lib, made, number, textAt, twoCallBytes, view } = require('./library.cjs');
const { bytesOf, pathOf, tokensOf } = require('./numbers.cjs');
const { Status } = require('./errors.cjs');
const { run } = require('./workers.cjs');

/** A vocabulary: text to tokens and back. */
class Tokenizer {
  constructor(ours, pointer) {
    onlyOurs(ours, 'Tokenizer.open() or model.tokenizer');
    this[HANDLE] = new Handle('tokenizer', pointer, (address) => lib.wkv7_tokenizer_free(address), this);
  }

  static async open(name = 'world') {
    return new Tokenizer(OURS, await run('tokenizerOpen', [pathOf(name)]));
  }

  close() {
    this[HANDLE].close();
  }

  [dispose]() {
    this.close();
  }

  get size() {
    return number('wkv7_tokenizer_size', this[HANDLE].pointer);
  }

  get endOfText() {
    const token = BigInt.asIntN(64, made('wkv7_tokenizer_end_of_text', this[HANDLE].pointer));
    return token < 0n ? null : Number(token);
  }

  encode(text) {
    const bytes = typeof text === 'string' ? Buffer.from(text, 'utf8') : bytesOf(text);
    // No token stands for less than a byte, save where a tokenizer.json adds some.
    let tokens = new Uint32Array(bytes.length + 16);
    const count = BigUint64Array.of(BigInt(tokens.length));
    const encode = () => lib.wkv7_tokenizer_encode(this[HANDLE].pointer, bytes, bytes.length, tokens, count);
    let status = encode();
    if (status === Status.BUFFER) {
      tokens = new Uint32Array(Number(count[0]));
      status = encode();
    }
    check(status);
    return tokens.slice(0, Number(count[0]));
  }

  decodeBytes(tokens) {
    const given = tokensOf(tokens);
    return new Uint8Array(twoCallBytes('wkv7_tokenizer_decode', this[HANDLE].pointer, given, given.length));
  }

  decode(tokens) {
    return Buffer.from(this.decodeBytes(tokens).buffer).toString('utf8');
  }

  token(token) {
    const [one] = tokensOf(token);
    return new Uint8Array(bytesAt(view('wkv7_tokenizer_token', this[HANDLE].pointer, one)));
  }

  decoder() {
    return new Decoder(OURS, made('wkv7_decoder_new', this[HANDLE].pointer));
  }

  async *decodeStream(tokens) {
    const decoder = this.decoder();
    try {
      for await (const token of tokens) {
        const text = decoder.push(token);
        if (text !== '') {
          yield text;
        }
      }
      const rest = decoder.finish();
      if (rest !== '') {
        yield rest;
      }
    } finally {
      decoder.close();
    }
  }
}

/** Turns tokens into text as they come; no character is cut. */
class Decoder {
  constructor(ours, pointer) {
    onlyOurs(ours, 'tokenizer.decoder()');
    this[HANDLE] = new Handle('decoder', pointer, (address) => lib.wkv7_decoder_free(address), this);
  }

  close() {
    this[HANDLE].close();
  }

  [dispose]() {
    this.close();
  }

  push(token) {
    const [one] = tokensOf(token);
    return textAt(view('wkv7_decoder_push', this[HANDLE].atRest, one));
  }

  finish() {
    return textAt(view('wkv7_decoder_finish', this[HANDLE].atRest));
  }
}

module.exports = { Decoder, Tokenizer };
