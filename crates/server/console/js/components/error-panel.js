/**
 * What went wrong, and what to do next.
 */

import { h, icon, sentence } from '../lib/dom.js';
import { hasText, language, t } from '../lib/i18n.js';

/**
 * What an error says to people.
 *
 * @param {Error} error
 * @returns {string}
 */
export function errorText(error) {
  if (error.code === 'Network') {
    return t('error.network');
  }
  return inLanguage(error.message) || t('error.unknown');
}

/** Some messages of the API are Chinese, with the same in English behind them in brackets. */
function inLanguage(message) {
  const both = /^[\p{Script=Han}\p{P}\s\w]*\p{Script=Han}[\p{P}\s]*\((.+)\)$/su.exec(message ?? '');
  return both && language() === 'en' ? both[1] : message;
}

/**
 * The lines of an error: what the server says, what can be done, and the request's id.
 *
 * @param {Error} error
 * @returns {Array<HTMLElement>}
 */
export function errorLines(error) {
  const advice = `error.advice.${error.code}`;
  return [
    h('p', { class: 'error-text' }, sentence(errorText(error))),
    hasText(advice) && h('p', { class: 'muted' }, t(advice)),
    error.requestId && h('p', { class: 'muted small' }, t('error.requestId'), ' ', h('code', {}, error.requestId)),
  ];
}

/**
 * A panel in the place of what could not be shown.
 *
 * @param {Error} error
 * @param {function(): void} [retry]
 * @returns {HTMLElement}
 */
export function errorPanel(error, retry) {
  const isAbsent = error.code === 'NotFound';
  return h('section', { class: 'panel centered', role: 'alert' },
    icon(isAbsent ? 'search' : 'failure', 'big muted'),
    h('h1', {}, isAbsent ? t('error.absent') : t('error.title')),
    errorLines(error),
    h('div', { class: 'actions' },
      retry && !isAbsent && h('button', { class: 'button primary', type: 'button', onclick: retry }, t('action.retry')),
      h('a', { class: 'button', href: '/' }, t('nav.applications'))));
}

/**
 * A line for an error inside of a form or a list.
 *
 * @param {Error} error
 * @returns {HTMLElement}
 */
export function errorNote(error) {
  return h('div', { class: 'note danger', role: 'alert' }, icon('failure'), h('div', {}, errorLines(error)));
}
