/**
 * Searching the logs of a deployment, chunk by chunk, so that the page stays alive.
 */

import { stripAnsi } from './ansi.js';

/** More matches are counted no further. */
const MOST = 10_000;

/**
 * Finds a text in all logs, whatever its case.
 *
 * @param {Array<{store: LogStore, whole: function(): Promise<void>}>} logs in order; `whole` loads the rest of one
 * @param {string} query in lower case
 * @param {{signal: AbortSignal, onFound: function(Array<{log: Object, row: number}>): void}} options told the matches so
 *   far, now and then
 * @returns {Promise<{matches: Array<{log: Object, row: number}>, isCut: boolean}>} one for each row that matches
 */
export async function searchLogs(logs, query, { signal, onFound }) {
  const matches = [];
  for (const log of logs) {
    await log.whole();
    for (const chunk of [...log.store.chunks()]) {
      if (signal.aborted) {
        return { matches, isCut: false };
      }
      if (chunk.isGap) {
        continue;
      }
      await log.store.load(chunk);
      for (const row of rowsWith(chunk, query)) {
        matches.push({ log, row });
        if (matches.length >= MOST) {
          return { matches, isCut: true };
        }
      }
      onFound(matches);
      await breath();
    }
  }
  return { matches, isCut: false };
}

/** The rows of a chunk that have the text. */
function rowsWith({ bytes, firstRow }, query) {
  const text = stripAnsi(new TextDecoder().decode(bytes)).toLowerCase();
  const rows = [];
  let row = firstRow;
  let counted = 0;
  for (let at = text.indexOf(query); at >= 0; at = text.indexOf(query, counted)) {
    for (let newline = text.indexOf('\n', counted); newline >= 0 && newline < at; newline = text.indexOf('\n', counted)) {
      row += 1;
      counted = newline + 1;
    }
    rows.push(row);
    const end = text.indexOf('\n', at);
    if (end < 0) {
      break;
    }
    row += 1;
    counted = end + 1;
  }
  return rows;
}

/** Lets the page do what it has to do. */
function breath() {
  return new Promise((resolve) => {
    setTimeout(resolve);
  });
}
