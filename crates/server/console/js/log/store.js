/**
 * What is known of a step's log: chunks of about a quarter of a mebibyte.
 *
 * For every chunk the offsets, the first line and the number of lines stay; its bytes and the places of its lines are
 * dropped when too much is held, and read again when they come into sight. So a log of any length costs little, and
 * any line is found by two binary searches.
 */

import { Signal } from '../lib/signal.js';

/** A chunk ends behind the first newline after so many bytes .. */
const CHUNK_BYTES = 256 * 1024;
/** .. or in the middle of a line when there is none for so long. */
const LONGEST_BYTES = 2 * 1024 * 1024;
/** How much of all logs of a page is held at once. */
const HELD_BYTES = 48 * 1024 * 1024;
const NEWLINE = 10;

/** The chunks of all stores of the page that can be dropped, those used last at the end. */
const held = new Map();
let heldBytes = 0;

/** The log of one step. A row is what stands in one line of the view: a line, a piece of a cut line, or a gap. */
export class LogStore {
  /** Tells that there is more, or that what was missing is there. */
  changed = new Signal();
  /** The offset up to which it is known. */
  end = 0;
  nRows = 0;
  #chunks = [];
  #open = null;
  #read;

  /** @param {function(number, number): Promise<Object>} read see `logReader` */
  constructor(read) {
    this.#read = read;
  }

  /**
   * Takes what comes next. What is known already is left out.
   *
   * @param {{from: number, to: number, bytes?: Uint8Array, isOpaque?: boolean}} stretch without `bytes` it is a gap
   */
  append({ from, to, bytes, isOpaque }) {
    if (to <= this.end) {
      return;
    }
    if (!bytes || isOpaque) {
      this.#seal();
      const start = Math.max(from, this.end);
      this.#push(bytes ? chunkOf(start, to, bytes) : { ...chunkOf(start, to, new Uint8Array()), isGap: true, nRows: 1 });
      this.end = to;
    } else {
      this.#appendBytes(bytes.subarray(Math.max(0, this.end - from)));
    }
    this.changed.emit();
  }

  #appendBytes(bytes) {
    this.end += bytes.length;
    const open = this.#open ?? { from: this.end - bytes.length, buffer: new Uint8Array(64 * 1024), length: 0 };
    this.#open = open;
    if (open.length + bytes.length > open.buffer.length) {
      const grown = new Uint8Array(Math.max(open.buffer.length * 2, open.length + bytes.length));
      grown.set(open.buffer.subarray(0, open.length));
      open.buffer = grown;
    }
    open.buffer.set(bytes, open.length);
    open.length += bytes.length;
    while (this.#open?.length >= CHUNK_BYTES && this.#split());
    this.#refreshOpen();
  }

  /** Cuts a whole chunk off the open one; `false` while a line goes on. */
  #split() {
    const { from, buffer, length } = this.#open;
    let cut = buffer.subarray(0, length).indexOf(NEWLINE, CHUNK_BYTES - 1) + 1;
    if (cut === 0) {
      cut = buffer.subarray(0, length).lastIndexOf(NEWLINE) + 1;
    }
    if (cut === 0) {
      if (length < LONGEST_BYTES) {
        return false;
      }
      cut = LONGEST_BYTES;
      // Not in the middle of a character.
      while (cut > LONGEST_BYTES - 4 && (buffer[cut] & 0xc0) === 0x80) {
        cut -= 1;
      }
    }
    const rest = buffer.slice(cut, length);
    this.#dropOpen();
    this.#push(chunkOf(from, from + cut, buffer.slice(0, cut)));
    if (rest.length) {
      this.#open = { from: from + cut, buffer: rest, length: rest.length };
    }
    return rest.length > 0;
  }

  /** Ends the open chunk, where a gap follows. */
  #seal() {
    if (this.#open) {
      const { from, buffer, length } = this.#open;
      this.#dropOpen();
      this.#push(chunkOf(from, from + length, buffer.slice(0, length)));
    }
  }

  #dropOpen() {
    if (this.#chunks.at(-1)?.isOpen) {
      this.nRows -= this.#chunks.pop().nRows;
    }
    this.#open = null;
  }

  /** Makes the rows of what is open visible. */
  #refreshOpen() {
    const open = this.#open;
    if (!open) {
      return;
    }
    const last = this.#chunks.at(-1);
    const chunk = last?.isOpen ? last : { isOpen: true, from: open.from, nRows: 0, scanned: 0, starts: new Uint32Array(1024) };
    if (chunk !== last) {
      Object.assign(chunk, this.#place());
      this.#chunks.push(chunk);
    }
    this.nRows -= chunk.nRows;
    scanOn(chunk, open.buffer, open.length);
    chunk.bytes = open.buffer.subarray(0, open.length);
    chunk.to = open.from + open.length;
    this.nRows += chunk.nRows;
  }

  /** Where the next chunk begins. */
  #place() {
    const last = this.#chunks.at(-1);
    const isInLine = Boolean(last && !last.isGap && !last.endsLine);
    const nextLine = last ? last.firstLine + (last.isGap ? 0 : last.nRows) : 1;
    return { firstRow: this.nRows, firstLine: isInLine ? nextLine - 1 : nextLine, isInLine };
  }

  #push(chunk) {
    Object.assign(chunk, this.#place());
    this.#chunks.push(chunk);
    this.nRows += chunk.nRows;
    hold(chunk);
  }

  /**
   * A row.
   *
   * @param {number} row from 0
   * @returns {?Object} `{line, bytes, at}` where `at` is the offset of its first byte, `{gap}`, or `{isMissing, line}` while its bytes are read again
   */
  row(row) {
    const chunk = this.#chunkOf(row);
    if (!chunk) {
      return null;
    }
    if (chunk.isGap) {
      return { gap: chunk.to - chunk.from };
    }
    const place = row - chunk.firstRow;
    const line = chunk.firstLine + place;
    if (!chunk.bytes) {
      this.load(chunk).then(() => this.changed.emit(), () => {});
      return { isMissing: true, line };
    }
    touch(chunk);
    const start = chunk.starts[place];
    const next = place + 1 < chunk.nRows ? chunk.starts[place + 1] - 1 : endOf(chunk);
    return { line, bytes: chunk.bytes.subarray(start, next), at: chunk.from + start, isRest: chunk.isInLine && place === 0 };
  }

  /**
   * Reads the bytes of a chunk again.
   *
   * @param {Object} chunk
   */
  async load(chunk) {
    if (chunk.bytes || chunk.isGap) {
      touch(chunk);
      return;
    }
    chunk.loading ??= this.#read(chunk.from, chunk.to - chunk.from).then(({ bytes }) => {
      chunk.bytes = bytes;
      chunk.starts = lineStarts(bytes);
      hold(chunk);
    }).finally(() => {
      chunk.loading = null;
    });
    await chunk.loading;
  }

  /** @returns {Array<Object>} the chunks, for the search */
  chunks() {
    return this.#chunks;
  }

  /**
   * The row where a line begins.
   *
   * @param {number} line from 1
   * @returns {number} -1 where there is no such line, yet
   */
  rowOfLine(line) {
    const chunk = find(this.#chunks, (it) => it.firstLine + (it.isInLine ? 1 : 0) <= line);
    const row = chunk && !chunk.isGap ? chunk.firstRow + (line - chunk.firstLine) : -1;
    return row >= 0 && row < chunk.firstRow + chunk.nRows ? row : -1;
  }

  #chunkOf(row) {
    const chunk = find(this.#chunks, (it) => it.firstRow <= row);
    return chunk && row < chunk.firstRow + chunk.nRows ? chunk : null;
  }
}

/** The last of the chunks for which `holds`, which is true up to a place and false behind it. */
function find(chunks, holds) {
  let [low, high] = [0, chunks.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(chunks[middle])) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return chunks[low - 1];
}

function chunkOf(from, to, bytes) {
  const starts = lineStarts(bytes);
  return { from, to, bytes, starts, nRows: starts.length, endsLine: bytes.at(-1) === NEWLINE };
}

/** Where lines begin; what follows the last newline is a line only when there is something. */
function lineStarts(bytes) {
  const chunk = { nRows: 0, scanned: 0, starts: new Uint32Array(4096) };
  scanOn(chunk, bytes, bytes.length);
  return chunk.starts.slice(0, chunk.nRows);
}

/** Finds the beginnings of lines in what has come since the last time. */
function scanOn(chunk, bytes, length) {
  const view = bytes.subarray(0, length);
  let start = chunk.scanned;
  while (start < length) {
    if (chunk.nRows === 0 || chunk.starts[chunk.nRows - 1] !== start) {
      if (chunk.nRows === chunk.starts.length) {
        const grown = new Uint32Array(chunk.starts.length * 2);
        grown.set(chunk.starts);
        chunk.starts = grown;
      }
      chunk.starts[chunk.nRows] = start;
      chunk.nRows += 1;
    }
    const newline = view.indexOf(NEWLINE, start);
    if (newline < 0) {
      break;
    }
    start = newline + 1;
  }
  chunk.scanned = start;
}

function endOf(chunk) {
  return chunk.bytes.at(-1) === NEWLINE ? chunk.bytes.length - 1 : chunk.bytes.length;
}

function hold(chunk) {
  heldBytes += chunk.bytes.length;
  held.set(chunk, chunk.bytes.length);
  for (const [oldest, size] of held) {
    if (heldBytes <= HELD_BYTES || oldest === chunk) {
      break;
    }
    held.delete(oldest);
    heldBytes -= size;
    oldest.bytes = null;
    oldest.starts = null;
  }
}

function touch(chunk) {
  if (held.has(chunk)) {
    const size = held.get(chunk);
    held.delete(chunk);
    held.set(chunk, size);
  }
}

/** Forgets the logs of a page that is left. */
export function dropHeld() {
  held.clear();
  heldBytes = 0;
}
