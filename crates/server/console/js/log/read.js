/**
 * Reading a step's log from the API, by ranges of bytes.
 */

import { raw } from '../lib/api.js';

const NOTICE = /\n\[flowcd: (\d+) bytes left out here by the log's size limit\]\n/g;

/**
 * A function that reads a part of a step's log.
 *
 * @param {string} taskId
 * @param {string} stepCount
 * @param {AbortSignal} signal
 * @returns {function(number, number): Promise<{from: number, next: number, bytes: Uint8Array}>} from an offset, at most
 *   so many bytes
 */
export function logReader(taskId, stepCount, signal) {
  return async (from, limit) => {
    const response = await raw('/task/log', { taskId, stepCount, from, limit }, { signal, accept: 'application/octet-stream' });
    const bytes = new Uint8Array(await response.arrayBuffer());
    return {
      from: Number(response.headers.get('x-log-from')),
      next: Number(response.headers.get('x-log-next')),
      bytes,
    };
  };
}

/**
 * A part of a log as stretches of bytes and gaps. Where the size limit left bytes out, the answer has a line that says
 * so: only a line that fits the offsets is one, whatever the step itself has printed.
 *
 * @param {{from: number, next: number, bytes: Uint8Array}} part
 * @returns {Array<{from: number, to: number, bytes?: Uint8Array}>} without `bytes` it is a gap
 */
export function stretches({ from, next, bytes }) {
  if (bytes.length === next - from) {
    return bytes.length ? [{ from, to: next, bytes }] : [];
  }
  // One character for each byte, so that places in the text are places in the bytes.
  const text = new TextDecoder('latin1').decode(bytes);
  for (const match of text.matchAll(NOTICE)) {
    const gap = Number(match[1]);
    const before = match.index;
    const after = bytes.length - before - match[0].length;
    const end = from + before + gap;
    if (end + after === next || (after === 0 && end >= next)) {
      return [
        { from, to: from + before, bytes: bytes.subarray(0, before) },
        { from: from + before, to: end },
        { from: end, to: next, bytes: bytes.subarray(bytes.length - after) },
      ].filter((it) => it.to > it.from);
    }
  }
  // Several gaps in one part: it is kept as it came.
  return [{ from, to: next, bytes, isOpaque: true }];
}

/**
 * The whole log as a file of the reader's.
 *
 * @param {string} taskId
 * @param {string} stepCount
 * @param {string} name of the file
 */
export async function downloadLog(taskId, stepCount, name) {
  const response = await raw('/task/log', { taskId, stepCount }, { accept: 'text/plain' });
  const url = URL.createObjectURL(await response.blob());
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
