/**
 * A list of listeners: the smallest thing that lets a module tell others without knowing them.
 */
export class Signal {
  #listeners = new Set();

  /**
   * @param {Function} listener
   * @param {AbortSignal} [until] ends the listening
   */
  listen(listener, until) {
    if (until?.aborted) {
      return;
    }
    this.#listeners.add(listener);
    until?.addEventListener('abort', () => this.#listeners.delete(listener), { once: true });
  }

  /** @param {*} [value] what the listeners are given */
  emit(value) {
    for (const listener of [...this.#listeners]) {
      listener(value);
    }
  }
}
