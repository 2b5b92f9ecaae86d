/**
 * Reading the log that a page shows: only the lines in sight are in it, so it is scrolled through.
 */

/**
 * @param {Locator} log the region of a step's log, without lines that are cut
 * @returns {Promise<string>} all lines, from the first to the last
 */
export function logInPage(log) {
  return log.evaluate(async (element) => {
    const frame = () => new Promise((resolve) => {
      requestAnimationFrame(() => requestAnimationFrame(resolve));
    });
    const lines = [];
    const pace = Math.max(20, element.clientHeight - 40);
    for (let top = 0; ; top += pace) {
      element.scrollTo(0, top);
      await frame();
      for (const line of element.querySelectorAll('.log-line')) {
        const number = Number(line.querySelector('.log-number').dataset.line);
        lines[number - 1] = line.querySelector('.log-text').textContent;
      }
      if (top + element.clientHeight >= element.scrollHeight) {
        break;
      }
    }
    return Array.from(lines, (line) => line ?? '(missing)').join('\n');
  });
}
