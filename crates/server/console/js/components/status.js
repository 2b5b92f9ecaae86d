/**
 * States, told by a picture, a word and a colour: never by the colour alone.
 */

import { h, icon } from '../lib/dom.js';
import { hasText, t } from '../lib/i18n.js';

const ICONS = {
  pending: 'pending',
  running: 'spinner',
  cancelling: 'spinner',
  done: 'check',
  success: 'success',
  failure: 'failure',
  cancelled: 'cancelled',
  skipped: 'skipped',
  'error-with-continue': 'warning',
};

/**
 * Where a task stands, with the state that the API tells by `cancelRequested`.
 *
 * @param {{status: string, cancelRequested?: boolean}} task
 * @returns {string}
 */
export function taskState(task) {
  return task.cancelRequested && !isFinal(task.status) ? 'cancelling' : task.status;
}

/**
 * @param {string} status of a task
 * @returns {boolean} whether it will not change any more
 */
export function isFinal(status) {
  return status === 'success' || status === 'failure' || status === 'cancelled';
}

/**
 * The name of a state.
 *
 * @param {string} state
 * @returns {string}
 */
export function stateText(state) {
  const key = `status.${state}`;
  return hasText(key) ? t(key) : state;
}

/**
 * The picture of a state alone, with its name for screen readers.
 *
 * @param {string} state
 * @returns {HTMLElement}
 */
export function statusIcon(state) {
  const isTurning = state === 'running' || state === 'cancelling';
  return h('span', { class: ['status-icon', `state-${state}`], title: stateText(state) },
    icon(ICONS[state] ?? 'pending', isTurning ? 'spin' : ''),
    h('span', { class: 'sr-only' }, stateText(state)));
}

/**
 * The picture and the name of a state.
 *
 * @param {string} state
 * @returns {HTMLElement}
 */
export function statusBadge(state) {
  const isTurning = state === 'running' || state === 'cancelling';
  return h('span', { class: ['badge', `state-${state}`] },
    icon(ICONS[state] ?? 'pending', isTurning ? 'spin' : ''), stateText(state));
}

/**
 * The state for the title and its picture.
 *
 * @param {string} state
 * @returns {string|undefined}
 */
export function titleState(state) {
  return { pending: 'running', running: 'running', cancelling: 'running', failure: 'failure', success: 'success' }[state];
}
