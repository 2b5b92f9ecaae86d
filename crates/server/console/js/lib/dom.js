/**
 * Elements without markup: what comes from the server only ever becomes text.
 */

const SVG = 'http://www.w3.org/2000/svg';
const SPRITE = new URL('../../icons/sprite.svg', import.meta.url).pathname;

/** Properties that are set on the element itself, because the attribute is only their first value. */
const PROPERTIES = new Set(['value', 'checked', 'disabled', 'selected', 'indeterminate', 'readOnly', 'required']);

/**
 * Characters that turn the direction of text around or hide, and so could make it read as something else.
 */
const HIDDEN = /[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/g;

/**
 * Makes an element.
 *
 * @param {string} tag
 * @param {Object} [props] attributes; `class` may be a list with gaps, `style` an object, `on..` a function
 * @param {...(Node|string|number|null|undefined|false|Array)} children text stays text
 * @returns {HTMLElement}
 */
export function h(tag, props, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    set(element, name, value);
  }
  add(element, children);
  return element;
}

function set(element, name, value) {
  if (value === null || value === undefined || value === false) {
    return;
  }
  if (name.startsWith('on')) {
    element.addEventListener(name.slice(2), value);
  } else if (name === 'class') {
    element.className = Array.isArray(value) ? value.filter(Boolean).join(' ') : value;
  } else if (name === 'style') {
    for (const [property, text] of Object.entries(value)) {
      element.style.setProperty(property, text);
    }
  } else if (name === 'href' || name === 'src') {
    element.setAttribute(name, safeUrl(value));
  } else if (PROPERTIES.has(name)) {
    element[name] = value;
  } else {
    element.setAttribute(name, value === true ? '' : String(value));
  }
}

/**
 * Appends children, however nested.
 *
 * @param {Node} parent
 * @param {Array} children
 */
export function add(parent, children) {
  for (const child of children) {
    if (Array.isArray(child)) {
      add(parent, child);
    } else if (child !== null && child !== undefined && child !== false) {
      parent.append(child instanceof Node ? child : String(child));
    }
  }
}

/**
 * Puts other children in the place of an element's own.
 *
 * @param {Node} parent
 * @param {...*} children
 */
export function fill(parent, ...children) {
  parent.replaceChildren();
  add(parent, children);
}

/**
 * An address that is a link to a page and never a script.
 *
 * @param {string} url
 * @returns {string} `#` for what is no such address
 */
export function safeUrl(url) {
  try {
    const { protocol } = new URL(url, location.href);
    return ['http:', 'https:', 'mailto:', 'blob:'].includes(protocol) ? String(url) : '#';
  } catch {
    return '#';
  }
}

/**
 * A picture of the sprite. It says nothing to those who do not see it: a text must stand beside it.
 *
 * @param {string} name the symbol's id in `icons/sprite.svg`
 * @param {string} [className]
 * @returns {SVGElement}
 */
export function icon(name, className = '') {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('class', `icon ${className}`.trim());
  svg.setAttribute('aria-hidden', 'true');
  svg.setAttribute('focusable', 'false');
  const use = document.createElementNS(SVG, 'use');
  use.setAttribute('href', `${SPRITE}#${name}`);
  svg.append(use);
  return svg;
}

/**
 * Text of others: it cannot turn the text around it, and hidden characters are shown by their number.
 *
 * @param {string} text
 * @param {Object} [props] of the element around it
 * @returns {HTMLElement}
 */
export function foreign(text, props = {}) {
  return h('bdi', props, visible(String(text ?? '')));
}

/**
 * Text with its hidden characters shown by their number.
 *
 * @param {string} text
 * @returns {Array<string|HTMLElement>}
 */
export function visible(text) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(HIDDEN)) {
    parts.push(text.slice(end, match.index), h('span', { class: 'hidden-char' }, charName(match[0])));
    end = match.index + match[0].length;
  }
  parts.push(text.slice(end));
  return parts;
}

/**
 * A sentence of the server: what stands between its backticks becomes code.
 *
 * @param {string} text
 * @returns {Array<string|HTMLElement|Array>}
 */
export function sentence(text) {
  return String(text ?? '').split(/`([^`\n]+)`/).map((part, place) =>
    (place % 2 === 1 ? h('code', { class: 'quoted' }, visible(part)) : visible(part)));
}

/**
 * The same where only text can stand, as in a page's title.
 *
 * @param {string} text
 * @returns {string}
 */
export function visibleText(text) {
  return String(text ?? '').replace(HIDDEN, charName);
}

function charName(char) {
  return `U+${char.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}`;
}

let lastId = 0;

/**
 * An id that no other element has.
 *
 * @param {string} prefix
 * @returns {string}
 */
export function freshId(prefix) {
  lastId += 1;
  return `${prefix}-${lastId}`;
}
