/**
 * Languages: every text of the console is in `i18n/en.js` and `i18n/zh.js`.
 */

import { recall, remember } from './remember.js';

const KEY = 'flowcd.language';

/** The languages, with the names they give themselves. */
export const LANGUAGES = { en: 'English', zh: '中文' };

let current = 'en';
let texts = {};
let plurals = new Intl.PluralRules('en');

/** @returns {string} the language of the page */
export function language() {
  return current;
}

/** @returns {string} what the formats of times and numbers are made for */
export function locale() {
  return current === 'zh' ? 'zh-CN' : navigator.languages.find((it) => it.startsWith('en')) ?? 'en';
}

/** Loads the language that was chosen, or that the browser asks for first. */
export async function loadLanguage() {
  const wanted = [recall(KEY), ...navigator.languages].filter(Boolean);
  const found = wanted.map((it) => it.slice(0, 2).toLowerCase()).find((it) => it in LANGUAGES);
  await use(found ?? 'en');
}

/**
 * Changes the language, and remembers it.
 *
 * @param {string} name a key of `LANGUAGES`
 */
export async function setLanguage(name) {
  await use(name);
  remember(KEY, name);
}

async function use(name) {
  const module = await import(`../../i18n/${name}.js`);
  current = name;
  texts = module.default;
  plurals = new Intl.PluralRules(name);
  document.documentElement.lang = name === 'zh' ? 'zh-CN' : name;
}

/**
 * A text, with what stands in its braces.
 *
 * @param {string} key
 * @param {Object<string, string|number>} [values]
 * @returns {string}
 */
export function t(key, values = {}) {
  const text = texts[key];
  if (text === undefined) {
    return key;
  }
  return text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/**
 * A text about a number: `key.one` or `key.other`, with `{n}`.
 *
 * @param {string} key
 * @param {number} n
 * @param {Object<string, string|number>} [values]
 * @returns {string}
 */
export function tn(key, n, values = {}) {
  const form = plurals.select(n);
  return t(`${key}.${form}` in texts ? `${key}.${form}` : `${key}.other`, { n: formatNumber(n), ...values });
}

/**
 * A text with elements in the place of its braces.
 *
 * @param {string} key
 * @param {Object<string, Node|string>} values
 * @returns {Array<string|Node>}
 */
export function tNodes(key, values) {
  return t(key)
    .split(/(\{\w+\})/)
    .map((part) => (part.startsWith('{') ? values[part.slice(1, -1)] ?? part : part));
}

/**
 * Whether there is a text: for words that come from the server, such as the name of a status.
 *
 * @param {string} key
 * @returns {boolean}
 */
export function hasText(key) {
  return key in texts;
}

/**
 * A number as the language writes it.
 *
 * @param {number} n
 * @returns {string}
 */
export function formatNumber(n) {
  return new Intl.NumberFormat(locale()).format(n);
}
