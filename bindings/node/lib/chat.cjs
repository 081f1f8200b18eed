'use strict';

const { enums } = require('./declarations.cjs');
const { defaults, text, textField, twoCallText } = require('./library.cjs');
const { known } = require('./numbers.cjs');

const ROLES = {
  system: enums.wkv7_role.WKV7_ROLE_SYSTEM,
  user: enums.wkv7_role.WKV7_ROLE_USER,
  assistant: enums.wkv7_role.WKV7_ROLE_ASSISTANT,
  tool: enums.wkv7_role.WKV7_ROLE_TOOL,
};

/** How a conversation becomes the text that models were trained on. */
class Chat {
  #options;

  constructor(options = {}) {
    known(options, ['family', 'think', 'tools'], 'a chat');
    const { family = '', think = '', tools = [] } = options;
    this.#options = {
      ...defaults('wkv7_chat_options'),
      family: textField(family),
      think: textField(think),
      tools: textField(tools.length === 0 ? '' : JSON.stringify(tools)),
    };
    this.render([]); // a name that nothing has is refused here
  }

  render(messages) {
    const structs = Array.from(messages, messageOf);
    return twoCallText('wkv7_chat_render', this.#options, structs.length === 0 ? null : structs, structs.length);
  }

  turn(message) {
    const next = typeof message === 'string' ? { role: 'user', text: message } : message;
    return twoCallText('wkv7_chat_turn', this.#options, messageOf(next));
  }

  get stops() {
    const found = [];
    for (;;) {
      const stop = twoCallText('wkv7_chat_stop', this.#options, found.length);
      if (stop === '') {
        return found;
      }
      found.push(stop);
    }
  }

  answer(generated) {
    return twoCallText('wkv7_chat_answer', this.#options, ...text(generated));
  }
}

function messageOf({ role, text: said }) {
  if (!Object.hasOwn(ROLES, role)) {
    throw new TypeError(`no role \`${String(role)}\`, expected one of: ${Object.keys(ROLES).join(', ')}`);
  }
  return { text: textField(said), role: ROLES[role] };
}

module.exports = { Chat };
