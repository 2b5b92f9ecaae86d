/**
 * When a step's log was printed: asked for only while somebody wants to see it.
 */

import { get } from '../lib/api.js';
import { Signal } from '../lib/signal.js';

/** A log that grows is asked for its newest times so often .. */
const PAUSE_MS = 500;
/** .. and after a failure not before this. */
const REST_MS = 5000;

export class LogTimes {
  /** Tells that there are more. */
  changed = new Signal();
  #taskId;
  #stepCount;
  #signal;
  /** Offsets, and the times that hold from each on; both rise together. */
  #offsets = [];
  #times = [];
  /** Up to which byte they are known. */
  #end = 0;
  #isAsking = false;

  /**
   * @param {string} taskId
   * @param {string} stepCount
   * @param {AbortSignal} signal
   */
  constructor(taskId, stepCount, signal) {
    this.#taskId = taskId;
    this.#stepCount = stepCount;
    this.#signal = signal;
  }

  /**
   * Asks for what is not known up to a byte.
   *
   * @param {function(): number} end of the log, which may grow meanwhile
   */
  async ask(end) {
    if (this.#isAsking) {
      return;
    }
    this.#isAsking = true;
    try {
      while (this.#end < end() && !this.#signal.aborted) {
        const query = { taskId: this.#taskId, stepCount: this.#stepCount, from: this.#end };
        const { times, next } = await get('/task/log/times', query, { signal: this.#signal });
        if (next <= this.#end) {
          break;
        }
        this.#take(times, next);
        await pause(this.#end < end() ? PAUSE_MS / 10 : PAUSE_MS);
      }
    } catch (error) {
      if (!this.#signal.aborted) {
        setTimeout(() => {
          this.#isAsking = false;
        }, REST_MS);
      }
      throw error;
    }
    this.#isAsking = false;
  }

  #take(times, next) {
    for (const { from, time } of times) {
      // What covers the border is told twice.
      if (this.#offsets.length === 0 || from > this.#offsets.at(-1)) {
        this.#offsets.push(from);
        this.#times.push(time);
      }
    }
    this.#end = next;
    this.changed.emit();
  }

  /**
   * @param {number} offset of a byte
   * @returns {?number} when it was printed, in milliseconds since the epoch; `null` where that is not known
   */
  at(offset) {
    if (offset >= this.#end) {
      return null;
    }
    let [low, high] = [0, this.#offsets.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#offsets[middle] <= offset) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return this.#times[low - 1] ?? null;
  }
}

function pause(ms) {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
