/**
 * Whether the server can be reached: a banner says so, and pages load again what they show when it is back.
 */

import { Signal } from './signal.js';

const PROBE_MS = 2000;

/** Tells `true` when the connection is lost, and `false` when it is back. */
export const connectionChanged = new Signal();

let isLost = false;

/** @returns {boolean} whether the server was unreachable when it was tried last */
export function isConnectionLost() {
  return isLost;
}

/** To be called by whoever finds that the server does not answer. */
export function connectionLost() {
  if (isLost) {
    return;
  }
  isLost = true;
  connectionChanged.emit(true);
  setTimeout(probe, PROBE_MS);
}

/** To be called by whoever gets an answer. */
export function connectionBack() {
  if (isLost) {
    isLost = false;
    connectionChanged.emit(false);
  }
}

async function probe() {
  if (!isLost) {
    return;
  }
  try {
    const answer = await fetch('/readyz', { cache: 'no-store', signal: AbortSignal.timeout(5000) });
    if (answer.ok) {
      connectionBack();
      return;
    }
  } catch {
    // Not yet.
  }
  setTimeout(probe, PROBE_MS);
}
