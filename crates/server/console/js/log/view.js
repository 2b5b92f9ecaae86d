/**
 * A log in the page: of a million lines only those in sight are elements.
 */

import { h } from '../lib/dom.js';
import { lineElement } from './line.js';

const ROW_PX = 20;
/** So many lines above and below are there already. */
const MARGIN = 12;
/** Browsers cannot make an element higher than some millions of pixels; beyond, a pixel stands for more than one. */
const HIGHEST_PX = 8_000_000;
/** Room for the bar that scrolls sideways. */
const BAR_PX = 14;

export class LogView {
  /** Called when the reader scrolls away from the end. */
  onScrollAway = () => {};
  #store;
  #stepCount;
  #space = h('div', { class: 'log-space' });
  #lines = h('div', { class: 'log-lines' });
  #cache = new Map();
  #frame = 0;
  #expected = -1;
  #isAtEnd = false;
  #query = '';
  #found = -1;
  #target = -1;
  #times;
  #hasTimes = false;

  /**
   * @param {LogStore} store
   * @param {{stepCount: string, label: string, times: LogTimes, signal: AbortSignal}} options
   */
  constructor(store, { stepCount, label, times, signal }) {
    this.#store = store;
    this.#stepCount = stepCount;
    this.#times = times;
    this.#space.append(this.#lines);
    this.element = h('div', { class: 'log', tabindex: '0', role: 'region', 'aria-label': label }, this.#space);
    this.element.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    store.changed.listen(() => this.#schedule(), signal);
    times.changed.listen(() => this.#schedule(), signal);
    new ResizeObserver(() => this.#schedule()).observe(this.element);
  }

  /** Keeps the end in sight, or not. */
  set isAtEnd(value) {
    this.#isAtEnd = value;
    this.#schedule();
  }

  /** Shows when each line was printed, or not. */
  set hasTimes(value) {
    this.#hasTimes = value;
    this.element.classList.toggle('has-times', value);
    this.#cache.clear();
    this.#schedule();
  }

  /**
   * Marks what is searched.
   *
   * @param {string} query in lower case
   * @param {number} row the match that is shown; -1 for none
   */
  mark(query, row) {
    this.#query = query;
    this.#found = row;
    this.#cache.clear();
    this.#schedule();
  }

  /**
   * Marks the line that the address names.
   *
   * @param {number} row -1 for none
   */
  target(row) {
    this.#target = row;
    this.#cache.clear();
    this.#schedule();
  }

  /**
   * Brings a row into the middle.
   *
   * @param {number} row
   */
  scrollToRow(row) {
    this.#isAtEnd = false;
    this.#measure();
    const { scale, height } = this.#geometry();
    this.#scrollTo((row * ROW_PX - height / 2) / scale);
    this.#schedule();
  }

  #scrollTo(top) {
    this.element.scrollTop = top;
    this.#expected = this.element.scrollTop;
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.element;
    const isAway = Math.abs(scrollTop - this.#expected) > 2 && scrollTop + clientHeight < scrollHeight - ROW_PX;
    this.#expected = scrollTop;
    if (this.#isAtEnd && isAway) {
      this.#isAtEnd = false;
      this.onScrollAway();
    }
    this.#schedule();
  }

  /** Draws anew, where the view was taken out of the page and put back: its scrolling may have gone untold. */
  refresh() {
    this.#schedule();
  }

  #schedule() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw();
    });
  }

  /** Makes the room that the rows take. */
  #measure() {
    const total = this.#store.nRows * ROW_PX;
    this.element.style.setProperty('height', `${total + BAR_PX}px`);
    this.#space.style.setProperty('height', `${Math.min(total, HIGHEST_PX)}px`);
  }

  #geometry() {
    const total = this.#store.nRows * ROW_PX;
    const height = this.element.clientHeight;
    const scale = total > HIGHEST_PX ? (total - height) / (HIGHEST_PX - height) : 1;
    return { height, scale };
  }

  #draw() {
    this.#measure();
    const { height, scale } = this.#geometry();
    if (this.#isAtEnd) {
      this.#scrollTo(this.#space.offsetHeight);
    }
    const { scrollTop } = this.element;
    const top = scrollTop * scale;
    const first = Math.max(0, Math.floor(top / ROW_PX) - MARGIN);
    const last = Math.min(this.#store.nRows, Math.ceil((top + height) / ROW_PX) + MARGIN);
    const elements = [];
    const kept = new Map();
    for (let row = first; row < last; row += 1) {
      const element = this.#line(row, kept);
      elements.push(element);
    }
    this.#cache = kept;
    this.#lines.style.setProperty('transform', `translateY(${scrollTop + first * ROW_PX - top}px)`);
    replaceRows(this.#lines, elements);
  }

  #line(row, kept) {
    const known = this.#cache.get(row);
    const what = this.#store.row(row) ?? { isMissing: true, line: 0 };
    const size = what.bytes?.length ?? -1;
    const time = this.#hasTimes ? this.#times.at(what.at ?? Infinity) : undefined;
    // The last line may grow, and a missing one comes, as its time does.
    const element = known && known.size === size && known.time === time ? known.element : lineElement(what, {
      stepCount: this.#stepCount, query: this.#query, isFound: row === this.#found, isTarget: row === this.#target, time,
    });
    kept.set(row, { element, size, time });
    return element;
  }
}

/** Touches only what is new: a selection of text survives the scrolling. */
function replaceRows(parent, elements) {
  const wanted = new Set(elements);
  for (const child of [...parent.children]) {
    if (!wanted.has(child)) {
      child.remove();
    }
  }
  elements.forEach((element, place) => {
    const present = parent.children[place];
    if (present !== element) {
      parent.insertBefore(element, present ?? null);
    }
  });
}
