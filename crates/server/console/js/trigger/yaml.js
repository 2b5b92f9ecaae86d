/**
 * A trigger as YAML. The server reads and writes it; here is only where in a text something stands.
 */

import { post } from '../lib/api.js';

/**
 * Reads a trigger.
 *
 * @param {string} text
 * @returns {Promise<Object>} throws what the server says, with its `line` where it is about the text; `isOfRules` is
 *   `false` for what is not, as when there is no connection
 */
export async function readYaml(text) {
  try {
    return (await post('/trigger/convert', { text })).triggerSpec;
  } catch (error) {
    const said = /^(?:`[^`]*`: )?line (\d+), column \d+: (.*)$/s.exec(error.message);
    if (said) {
      error.line = Number(said[1]);
      error.message = said[2];
    }
    error.isOfRules = error.status === 422;
    if (error.field === 'text') {
      error.field = 'trigger_spec';
    }
    throw error;
  }
}

/**
 * Writes a trigger.
 *
 * @param {Object} spec
 * @returns {Promise<string>}
 */
export async function writeYaml(spec) {
  return (await post('/trigger/convert', { triggerSpec: spec })).yaml;
}

/**
 * Where a path of the server stands in a text, as its indentation tells.
 *
 * @param {string} text
 * @param {string} path as in `github.events[0].filter`
 * @returns {{offset: number, line: number}} of the nearest thing around it that begins a line
 */
export function findInYaml(text, path) {
  const wanted = path.split(/[.[\]]+/).filter(Boolean);
  let best = { depth: 0, offset: 0, line: 1 };
  const around = [];
  let offset = 0;
  text.split('\n').forEach((line, place) => {
    for (const { key, indent, isItem } of keysOf(line)) {
      // Items may stand as far to the left as the key of their list.
      while (around.length > 0 && (around.at(-1).indent > indent || (around.at(-1).indent === indent && (around.at(-1).isItem || !isItem)))) {
        const left = around.pop();
        if (left.isItem && isItem && left.indent === indent) {
          around.push({ ...left, key: left.key + 1, isCounted: true });
          break;
        }
      }
      if (isItem && around.at(-1)?.isCounted) {
        around.at(-1).isCounted = false;
      } else {
        around.push({ key: isItem ? 0 : key, indent, isItem });
      }
      const isWanted = around.length <= wanted.length && around.every((it, at) => String(it.key) === wanted[at]);
      if (isWanted && around.length > best.depth) {
        best = { depth: around.length, offset: offset + indent, line: place + 1 };
      }
    }
    offset += line.length + 1;
  });
  return { offset: best.offset, line: best.line };
}

/** The dashes and the key that a line begins with. */
function keysOf(line) {
  const found = [];
  let rest = line;
  for (let dash = /^( *)-( +|$)/.exec(rest); dash; dash = /^( *)-( +|$)/.exec(rest)) {
    found.push({ isItem: true, indent: dash[1].length });
    rest = ' '.repeat(dash[0].length) + rest.slice(dash[0].length);
  }
  const key = /^( *)(?:"([^"]+)"|'([^']+)'|([^\s#"'{[][^:]*?)) *:(?: |$)/.exec(rest);
  if (key) {
    found.push({ isItem: false, indent: key[1].length, key: key[2] ?? key[3] ?? key[4] });
  }
  return found;
}
