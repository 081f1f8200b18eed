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
  /**
   * How the next answer thinks: `"plain"` (the default), `"off"`, `"fake"`, `"think"`, `"bit"`, `"some"` or `"lot"`.
   */
  think?: string | undefined;
  /** Functions that the model may call. The next answer is then a call. */
  tools?: readonly Tool[] | undefined;
}

/** How a conversation becomes the text that models were trained on. */
export declare class Chat {
  constructor(options?: ChatOptions);
  /** The whole conversation as text, open for the next answer. */
  render(messages: Iterable<Message>): string;
  /**
   * What to feed after an answer that ended at a stop text or the end of text: the next message, the user's where only
   * its text is given, open for the next answer.
   */
  turn(message: Message | string): string;
  /** The texts at which an answer ends, for {@link Session.generate}. */
  readonly stops: string[];
  /**
   * What was said in a generated answer, without the thinking: what a later {@link render} wants as the assistant's
   * message.
   */
  answer(generated: string): string;
}
