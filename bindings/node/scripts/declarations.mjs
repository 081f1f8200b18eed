// Writes lib/declarations.cjs from include/wkv7.h, so that nothing is declared twice: `npm run declarations`, whenever
// the header has changed. With --print the text goes to standard output instead, for the test that compares.
import { readFileSync, writeFileSync } from 'node:fs';

const HEADER = new URL('../../../include/wkv7.h', import.meta.url);
const PLACE = new URL('../lib/declarations.cjs', import.meta.url);

/** The header's text without comments and without what only some compilers read. */
function cleaned(text) {
  return text
    .replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '')
    .replace(/^#if defined\(__cplusplus\)[\s\S]*?^#endif.*$/gm, '')
    .replace(/^#ifndef __cplusplus[\s\S]*?^#endif[^\n]*\n#endif.*$/gm, '');
}

/** `const uint32_t *tokens` as its name and its type. */
function declared(text) {
  const [, type, name, length] = /^([\s\S]*?)(\w+)(?:\[(\d+)\])?$/.exec(text.trim());
  const plain = type.replace(/\s+/g, ' ').replace(/\s*\*\s*/g, '*').trim();
  return [name, length === undefined ? plain : `${plain}[${length}]`];
}

const parameters = (text) => (text.trim() === 'void' ? [] : text.split(',').map((one) => declared(one)[1]));

function read(header) {
  const text = cleaned(header);
  const found = { constants: {}, enums: {}, structs: {}, callbacks: {}, functions: {} };
  for (const [, name, value] of text.matchAll(/^#define (WKV7_\w+) (\d+)$/gm)) {
    found.constants[name] = Number(value);
  }
  for (const [, name, body] of text.matchAll(/^enum (wkv7_\w+)\s*\{([^}]*)\}/gm)) {
    found.enums[name] = Object.fromEntries(
      [...body.matchAll(/(\w+) = (\d+)/g)].map(([, member, value]) => [member, Number(value)]),
    );
  }
  for (const [, body, name] of text.matchAll(/^typedef struct \{([^}]*)\} (wkv7_\w+);/gm)) {
    const fields = body.split(';').filter((field) => field.trim() !== '');
    found.structs[name] = Object.fromEntries(fields.map(declared));
  }
  for (const [, result, name, given] of text.matchAll(/^typedef (\w+) \(\*(wkv7_\w+)\)\(([^)]*)\);/gm)) {
    found.callbacks[name] = [result, parameters(given)];
  }
  for (const [, result, name, given] of text.matchAll(/^((?!typedef)[\w ]+?[ *]+)(wkv7_\w+)\(([^)]*)\);/gm)) {
    found.functions[name] = [declared(`${result} x`)[1], parameters(given)];
  }
  return found;
}

/** A line for each name. */
function written(found) {
  const lines = ["'use strict';", '', '// Made from include/wkv7.h by `npm run declarations`; do not edit.', ''];
  for (const [kind, members] of Object.entries(found)) {
    lines.push(`exports.${kind} = {`);
    for (const [name, value] of Object.entries(members)) {
      lines.push(`  ${name}: ${JSON.stringify(value)},`);
    }
    lines.push('};', '');
  }
  return lines.join('\n');
}

const text = written(read(readFileSync(HEADER, 'utf8')));
if (process.argv.includes('--print')) {
  process.stdout.write(text);
} else {
  writeFileSync(PLACE, text);
}
