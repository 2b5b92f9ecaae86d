/**
 * Times: relative ones with the exact ones on hover, and durations.
 */

import { h } from './dom.js';
import { locale, t } from './i18n.js';

const REFRESH_MS = 10_000;
const UNITS = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['week', 604_800],
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
];

/**
 * A moment, told from now, which keeps itself true.
 *
 * @param {number} ms since the epoch
 * @returns {HTMLElement}
 */
export function ago(ms) {
  const date = new Date(ms);
  return h('time', { datetime: date.toISOString(), title: exactTime(ms), 'data-ms': ms, class: 'ago' }, relative(ms));
}

/**
 * @param {number} ms since the epoch
 * @returns {string} date and time to the second, in the reader's zone
 */
export function exactTime(ms) {
  return new Intl.DateTimeFormat(locale(), { dateStyle: 'medium', timeStyle: 'medium' }).format(ms);
}

/**
 * @param {number} ms since the epoch
 * @returns {string} the time of day to the millisecond, in the reader's zone
 */
export function clockTime(ms) {
  const date = new Date(ms);
  const two = (n) => String(n).padStart(2, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

function relative(ms) {
  const seconds = (ms - Date.now()) / 1000;
  // What is to come is told by the nearest number: a token made for 90 days does not expire in two months.
  const distance = seconds > 0 ? seconds * 1.03 : -seconds;
  const [unit, size] = UNITS.find(([, size]) => distance >= size) ?? ['second', 1];
  if (unit === 'second' && distance < 45) {
    return t('time.now');
  }
  const format = new Intl.RelativeTimeFormat(locale(), { numeric: 'auto', style: 'short' });
  return format.format(seconds > 0 ? Math.round(seconds / size) : Math.trunc(seconds / size), unit);
}

setInterval(() => {
  for (const element of document.querySelectorAll('time.ago')) {
    const text = relative(Number(element.dataset.ms));
    if (element.textContent !== text) {
      element.textContent = text;
    }
  }
}, REFRESH_MS);

/**
 * A duration in as few characters as tell it.
 *
 * @param {number} seconds
 * @returns {string}
 */
export function duration(seconds) {
  if (!(seconds >= 0)) {
    return '';
  }
  // Steps are measured in hundredths of a second.
  if (seconds < 0.005) {
    return t('time.least');
  }
  if (seconds < 0.0995) {
    return t('time.ms', { n: Math.round(seconds * 1000) });
  }
  if (seconds < 9.95) {
    return t('time.seconds', { s: seconds.toFixed(1) });
  }
  const whole = Math.round(seconds);
  if (whole < 60) {
    return t('time.seconds', { s: whole });
  }
  if (whole < 3600) {
    return t('time.minutes', { m: Math.floor(whole / 60), s: whole % 60 });
  }
  return t('time.hours', { h: Math.floor(whole / 3600), m: Math.floor((whole % 3600) / 60) });
}

/**
 * How long a task took, or runs by now; `null` before it runs.
 *
 * @param {Object} task
 * @returns {?number} seconds
 */
export function taskSeconds(task) {
  if (!task.started_time) {
    return null;
  }
  return Math.max(0, ((task.finished_time ?? Date.now()) - task.started_time) / 1000);
}

/**
 * When something with an id was made: ids begin with the time, in base 36.
 *
 * @param {string} id
 * @returns {?number} milliseconds since the epoch; `null` for ids that are made otherwise
 */
export function timeOfId(id) {
  if (!/^[0-9a-z]{16}$/.test(id)) {
    return null;
  }
  const ms = parseInt(id.slice(0, 8), 36);
  return ms > 1_577_836_800_000 && ms < Date.now() + 86_400_000 ? ms : null;
}
