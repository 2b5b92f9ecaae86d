/**
 * A trigger as JSON: its text, and where in it something stands.
 */

import { FieldError } from '../components/field.js';
import { t } from '../lib/i18n.js';

/**
 * Reads an object.
 *
 * @param {string} text
 * @returns {Object} throws a `FieldError` that names the line
 */
export function parseObject(text) {
  let value;
  try {
    value = JSON.parse(text.trim() || '{}');
  } catch (error) {
    throw new FieldError('', t('json.bad', { reason: error.message }));
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new FieldError('', t('json.noObject'));
  }
  return value;
}

/**
 * Where a path of the server stands in a text.
 *
 * @param {string} text correct JSON
 * @param {string} path as in `github.events[0].filter`
 * @returns {{offset: number, line: number}} of the nearest thing around it that the text has
 */
export function findPath(text, path) {
  const wanted = path.split(/[.[\]]+/).filter(Boolean);
  let best = { depth: 0, offset: 0 };
  walk(text, (at, offset) => {
    const isAround = at.length <= wanted.length && at.every((part, place) => String(part) === wanted[place]);
    if (isAround && at.length > best.depth) {
      best = { depth: at.length, offset };
    }
  });
  return { offset: best.offset, line: text.slice(0, best.offset).split('\n').length };
}

/** Tells the path and the offset of each key and each entry. */
function walk(text, tell) {
  const stack = [];
  const tokens = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;
  const path = () => stack.map((it) => it.key);
  let isKey = false;
  for (const { 0: token, index } of text.matchAll(tokens)) {
    const top = stack.at(-1);
    if (top?.isList && top.isNew && token !== ']') {
      top.isNew = false;
      tell(path(), index);
    }
    if (token === '{' || token === '[') {
      stack.push({ isList: token === '[', isNew: true, key: token === '[' ? 0 : null });
      isKey = token === '{';
    } else if (token === '}' || token === ']') {
      stack.pop();
      isKey = false;
    } else if (token === ',') {
      isKey = !top?.isList;
      if (top?.isList) {
        top.key += 1;
        top.isNew = true;
      }
    } else if (isKey && token.startsWith('"')) {
      top.key = JSON.parse(token);
      tell(path(), index);
      isKey = false;
    }
  }
}
