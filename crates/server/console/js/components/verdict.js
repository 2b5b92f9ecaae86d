/**
 * What was made of a delivery, and what each rule of a trigger said to it.
 */

import { foreign, h, icon, sentence } from '../lib/dom.js';
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
 * Why: the sentence of the server, which is English in every language.
 *
 * @param {string} reason
 * @param {Object} [props] of the element around it
 * @returns {HTMLElement}
 */
export function reasonText(reason, props = {}) {
  return h('bdi', { lang: 'en', ...props }, sentence(reason));
}

/**
 * What was made of it, in the reader's language.
 *
 * @param {string} verdict
 * @returns {HTMLElement|null}
 */
export function verdictSentence(verdict) {
  const key = `verdict.${verdict}.sentence`;
  return hasText(key) ? h('span', {}, t(key)) : null;
}

/** Whether a rule matches, and what it is about: `github.push.branches`, `github.events[0]`, .. */
function ruleText({ rule, isMatch }) {
  const kind = `rules.kind.${rule.replace(/^[^.]*\.|\[\d+\]/g, '')}`;
  return t(isMatch ? 'rules.said.match' : 'rules.said.noMatch', { kind: hasText(kind) ? t(kind) : t('rules.kind.other') });
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
        h('div', { class: 'row-line rule-head' }, h('span', {}, ruleText(it)), foreign(it.rule, { class: 'mono small' })),
        reasonText(it.reason, { class: 'muted' }),
        it.template && h('div', { class: 'muted small' }, t('rules.runs'), ' ', foreign(it.template, { class: 'mono' }))))));
}
