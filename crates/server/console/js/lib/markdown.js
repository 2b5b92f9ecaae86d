/**
 * A part of Markdown, as elements: headings, paragraphs, lists, quotes, code, tables, emphasis and links. Markup in it
 * stays text, and pictures become links: nothing is loaded from elsewhere.
 */

import { h, visible } from './dom.js';

const INLINE = /(?<!`)(`+)(?!`)([\s\S]+?)(?<!`)\1(?!`)|\*\*([^*]+)\*\*|__([^_]+)__|\*([^*\s][^*]*)\*|\b_([^_\s][^_]*)_\b|~~([^~]+)~~|!?\[([^\]]*)\]\(\s*<?([^\s)>]+)>?[^)]*\)|<(https?:\/\/[^\s>]+)>|(https?:\/\/[^\s<>()]+[^\s<>().,;:!?'"])/g;

/** The headings of a summary stand under the page's own, without leaps. */
const HEADINGS = ['h3', 'h3', 'h4', 'h5', 'h6', 'h6'];
const MAX_DEPTH = 6;
/** A longer paragraph is shown as it is. */
const LONGEST_INLINE = 10_000;

/**
 * @param {string} text
 * @returns {HTMLElement}
 */
export function markdown(text) {
  return h('div', { class: 'prose' }, blocks(text.replace(/\r\n?/g, '\n').split('\n'), 0));
}

function blocks(lines, depth) {
  const out = [];
  let i = 0;
  while (i < lines.length) {
    const found = lines[i].trim() && RULES.map((rule) => rule(lines, i, depth)).find(Boolean);
    if (found) {
      out.push(found.element);
    }
    i = found ? found.next : i + 1;
  }
  return out;
}

const RULES = [fence, heading, line, table, quote, list, paragraph];

function fence(lines, i) {
  const open = /^ {0,3}(`{3,}|~{3,})/.exec(lines[i]);
  if (!open) {
    return null;
  }
  let next = i + 1;
  while (next < lines.length && !lines[next].trim().startsWith(open[1])) {
    next += 1;
  }
  return { element: h('pre', { tabindex: '0' }, h('code', {}, visible(lines.slice(i + 1, next).join('\n')))), next: next + 1 };
}

function heading(lines, i) {
  const found = /^ {0,3}(#{1,6})\s+(.*?)\s*#*$/.exec(lines[i]);
  return found && { element: h(HEADINGS[found[1].length - 1], {}, inline(found[2])), next: i + 1 };
}

function line(lines, i) {
  return /^ {0,3}([-*_])(\s*\1){2,}\s*$/.test(lines[i]) ? { element: h('hr'), next: i + 1 } : null;
}

function table(lines, i) {
  if (!lines[i].includes('|') || !/^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/.test(lines[i + 1] ?? '') || !lines[i + 1].includes('-')) {
    return null;
  }
  const cells = (text) => text.trim().replace(/^\||\|$/g, '').split('|').map((cell) => inline(cell.trim()));
  let next = i + 2;
  const rows = [];
  while (next < lines.length && lines[next].includes('|')) {
    rows.push(h('tr', {}, cells(lines[next]).map((cell) => h('td', {}, cell))));
    next += 1;
  }
  const head = h('tr', {}, cells(lines[i]).map((cell) => h('th', { scope: 'col' }, cell)));
  return { element: h('div', { class: 'table-wrap', tabindex: '0' }, h('table', {}, h('thead', {}, head), h('tbody', {}, rows))), next };
}

function quote(lines, i, depth) {
  let next = i;
  while (next < lines.length && /^ {0,3}>/.test(lines[next])) {
    next += 1;
  }
  const inner = lines.slice(i, next).map((it) => it.replace(/^ {0,3}> ?/, ''));
  return next > i && depth < MAX_DEPTH ? { element: h('blockquote', {}, blocks(inner, depth + 1)), next } : null;
}

function list(lines, i, depth) {
  const first = /^(\s*)([-*+]|\d{1,9}[.)])\s+/.exec(lines[i]);
  if (!first || depth >= MAX_DEPTH) {
    return null;
  }
  const isOrdered = /\d/.test(first[2]);
  const item = new RegExp(`^\\s{0,${first[1].length + 1}}${isOrdered ? '\\d{1,9}[.)]' : '[-*+]'}\\s+`);
  const items = [];
  let next = i;
  while (next < lines.length && (item.test(lines[next]) || (/^\s+\S/.test(lines[next]) && items.length))) {
    const start = item.exec(lines[next]);
    if (start) {
      items.push([lines[next].slice(start[0].length)]);
    } else {
      items.at(-1).push(lines[next].replace(/^\s{1,4}/, ''));
    }
    next += 1;
  }
  return { element: h(isOrdered ? 'ol' : 'ul', {}, items.map((it) => h('li', {}, itemContent(it, depth)))), next };
}

function itemContent([first, ...rest], depth) {
  const task = /^\[([ xX])\]\s+(.*)$/.exec(first);
  const head = task ? [task[1] === ' ' ? '☐ ' : '☑ ', inline(task[2])] : inline(first);
  return rest.length ? [head, blocks(rest, depth + 1)] : head;
}

function paragraph(lines, i) {
  let next = i + 1;
  while (next < lines.length && lines[next].trim() && !/^ {0,3}(#{1,6}\s|>|`{3}|~{3}|[-*+]\s|\d{1,9}[.)]\s)/.test(lines[next])) {
    next += 1;
  }
  return { element: h('p', {}, inline(lines.slice(i, next).join('\n'))), next };
}

function inline(text, depth = 0) {
  if (depth > MAX_DEPTH || text.length > LONGEST_INLINE) {
    return visible(text);
  }
  const out = [];
  let end = 0;
  for (const match of text.matchAll(INLINE)) {
    out.push(visible(text.slice(end, match.index)), span(match, depth + 1));
    end = match.index + match[0].length;
  }
  out.push(visible(text.slice(end)));
  return out;
}

function span([whole, ticks, code, strong, strong2, em, em2, struck, label, target, angled, bare], depth) {
  if (ticks) {
    return h('code', {}, visible(code.trim() || code));
  }
  if (strong ?? strong2) {
    return h('strong', {}, inline(strong ?? strong2, depth));
  }
  if (em ?? em2) {
    return h('em', {}, inline(em ?? em2, depth));
  }
  if (struck) {
    return h('s', {}, inline(struck, depth));
  }
  const url = target ?? angled ?? bare;
  return /^https?:\/\//i.test(url)
    ? h('a', { href: url, target: '_blank', rel: 'noreferrer' }, label ? inline(label, depth) : visible(url))
    : visible(whole);
}
