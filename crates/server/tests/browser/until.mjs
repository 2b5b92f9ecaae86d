/**
 * Waiting for what the browser does not show: again and again, but not for ever.
 */

import { setTimeout as pause } from 'node:timers/promises';

const PATIENCE_MS = 60_000;
const PACE_MS = 40;

/**
 * @param {string} what is waited for
 * @param {function(): Promise<*>} look
 * @returns {Promise<*>} what `look` has found: the first value that is true
 */
export async function until(what, look) {
  const giveUp = Date.now() + PATIENCE_MS;
  for (;;) {
    const found = await look();
    if (found) {
      return found;
    }
    if (Date.now() > giveUp) {
      throw new Error(`${what} did not happen within ${PATIENCE_MS / 1000} s`);
    }
    await pause(PACE_MS);
  }
}
