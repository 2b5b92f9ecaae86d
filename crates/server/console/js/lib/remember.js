/**
 * What the browser keeps of the reader's choices. One that keeps nothing has them until the page is closed.
 */

/**
 * @param {string} key
 * @param {string} value
 */
export function remember(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // It is forgotten, and nothing worse.
  }
}

/**
 * @param {string} key
 * @returns {?string} `null` where nothing is kept
 */
export function recall(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}
