/**
 * One line of a log as an element: colours, marks of the search, and what was cut.
 */

import { openDialog } from '../components/dialog.js';
import { h, visible } from '../lib/dom.js';
import { formatNumber, t } from '../lib/i18n.js';
import { clockTime, exactTime } from '../lib/time.js';
import { parseAnsi, stripAnsi } from './ansi.js';

/** More of a line is shown on demand. */
const SHOWN_BYTES = 2048;
const DIALOG_CHARS = 100_000;

const decoder = new TextDecoder();

/**
 * @param {Object} row see `LogStore.row`
 * @param {{stepCount: string, query: string, isFound: boolean, isTarget: boolean, time: ?number|undefined}} options
 *   `time` is when it was printed, `null` where that is not known, and `undefined` where nobody wants to see it
 * @returns {HTMLElement}
 */
export function lineElement(row, { stepCount, query, isFound, isTarget, time }) {
  const stamp = time === undefined ? null : timeElement(time);
  if (row.gap) {
    return h('div', { class: 'log-line' }, h('span', { class: 'log-number' }, '…'), stamp,
      h('span', { class: 'log-text log-note' }, t('log.gap', { n: bytesText(row.gap) })));
  }
  const { line } = row;
  const number = row.isRest
    ? h('span', { class: 'log-number' }, '↳')
    : h('a', { class: 'log-number', href: `#step-${stepCount}-L${line}`, 'data-line': line, tabindex: '-1' }, String(line));
  const text = h('span', { class: 'log-text' }, row.isMissing ? ' ' : content(row.bytes, query));
  const rest = row.isMissing ? 0 : row.bytes.length - SHOWN_BYTES;
  return h('div', { class: ['log-line', isFound && 'is-found', isTarget && 'is-target'] },
    number,
    stamp,
    text,
    rest > 0 && h('button', { class: 'log-more', type: 'button', onclick: () => showLine(line, row.bytes) },
      t('log.cut', { n: bytesText(rest) })));
}

function timeElement(ms) {
  return ms === null
    ? h('span', { class: 'log-time' })
    : h('time', { class: 'log-time', datetime: new Date(ms).toISOString(), title: exactTime(ms) }, clockTime(ms));
}

function content(bytes, query) {
  const parts = parseAnsi(decoder.decode(bytes.subarray(0, SHOWN_BYTES)));
  const marked = query ? mark(parts, query) : parts;
  return marked.map(({ text, look, isMatch }) => {
    const shown = isMatch ? h('mark', {}, visible(text)) : visible(text);
    return look ? h('span', { class: look }, shown) : shown;
  });
}

/** Cuts the parts where matches begin and end. */
function mark(parts, query) {
  const whole = parts.map((part) => part.text).join('').toLowerCase();
  const cuts = [];
  for (let at = whole.indexOf(query); at >= 0; at = whole.indexOf(query, at + query.length)) {
    cuts.push(at, at + query.length);
  }
  const marked = [];
  let offset = 0;
  for (const { text, look } of parts) {
    const inside = cuts.filter((cut) => cut > offset && cut < offset + text.length).map((cut) => cut - offset);
    const places = [0, ...inside, text.length];
    for (let i = 0; i + 1 < places.length; i += 1) {
      const begin = offset + places[i];
      const isMatch = cuts.some((cut, n) => n % 2 === 0 && cut <= begin && begin < cuts[n + 1]);
      marked.push({ text: text.slice(places[i], places[i + 1]), look, isMatch });
    }
    offset += text.length;
  }
  return marked;
}

/** A long line in full, a part at a time: a browser that is given a megabyte in one line stands still. */
function showLine(line, bytes) {
  const text = stripAnsi(decoder.decode(bytes));
  const shown = h('pre', { class: 'long-line', tabindex: '0' });
  const more = h('button', { class: 'button', type: 'button', onclick: grow });
  let n = 0;

  function grow() {
    shown.append(...visible(text.slice(n, n + DIALOG_CHARS)));
    n += DIALOG_CHARS;
    more.hidden = n >= text.length;
    more.textContent = t('log.cut', { n: bytesText(Math.max(0, text.length - n)) });
  }
  grow();
  openDialog({ title: t('log.longLine', { n: formatNumber(line) }), content: [shown, more], isWide: true });
}

/**
 * A number of bytes for people.
 *
 * @param {number} n
 * @returns {string}
 */
export function bytesText(n) {
  if (n < 1024) {
    return t('log.bytes', { n });
  }
  return n < 1_048_576 ? t('log.kib', { n: Math.round(n / 1024) }) : t('log.mib', { n: (n / 1_048_576).toFixed(1) });
}
