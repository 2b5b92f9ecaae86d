/**
 * What was made of a delivery, and what each rule of a trigger said to it.
 */

import { foreign, h, icon } from '../lib/dom.js';
import { hasText, t } from '../lib/i18n.js';

/** The verdicts, with their pictures and the colours of states. */
export const VERDICTS = {
  deployed: ['success', 'success'],
  skipped: ['skipped', 'skipped'],
  ping: ['webhook', 'none'],
  failed: ['failure', 'failure'],
};

/**
 * @param {string} verdict
 * @returns {string}
 */
export function verdictText(verdict) {
  return hasText(`verdict.${verdict}`) ? t(`verdict.${verdict}`) : verdict;
}

/**
 * The picture of a verdict alone, with its name for screen readers.
 *
 * @param {string} verdict
 * @returns {HTMLElement}
 */
export function verdictIcon(verdict) {
  const [picture, state] = VERDICTS[verdict] ?? VERDICTS.ping;
  return h('span', { class: ['status-icon', `state-${state}`], title: verdictText(verdict) },
    icon(picture), h('span', { class: 'sr-only' }, verdictText(verdict)));
}

/**
 * The picture and the name of a verdict.
 *
 * @param {string} verdict
 * @returns {HTMLElement}
 */
export function verdictBadge(verdict) {
  const [picture, state] = VERDICTS[verdict] ?? VERDICTS.ping;
  return h('span', { class: ['badge', `state-${state}`] }, icon(picture), verdictText(verdict));
}

/**
 * What each rule said.
 *
 * @param {Array<{rule: string, isMatch: boolean, reason: string, template?: string}>} rules
 * @returns {HTMLElement}
 */
export function ruleList(rules) {
  return h('ul', { class: 'rules', 'aria-label': t('rules.title') }, rules.map((it) =>
    h('li', { class: it.isMatch ? 'is-match' : null },
      h('span', { class: it.isMatch ? 'state-success' : 'state-skipped', title: t(it.isMatch ? 'rules.match' : 'rules.noMatch') },
        icon(it.isMatch ? 'check' : 'close'), h('span', { class: 'sr-only' }, t(it.isMatch ? 'rules.match' : 'rules.noMatch'))),
      h('div', {},
        foreign(it.rule, { class: 'mono' }),
        h('div', { class: it.isMatch ? null : 'muted' }, foreign(it.reason)),
        it.template && h('div', { class: 'muted small' }, t('rules.runs'), ' ', foreign(it.template, { class: 'mono' }))))));
}
