/**
 * The deployments that one runs again: each names the one before it.
 */

import { stateText, statusIcon, taskState } from '../../components/status.js';
import { get } from '../../lib/api.js';
import { h } from '../../lib/dom.js';
import { t } from '../../lib/i18n.js';

/** Longer chains are cut: whoever wants more goes on from there. */
const LONGEST = 8;

/**
 * @param {Object} task
 * @param {AbortSignal} signal
 * @returns {Promise<?HTMLElement>} the chain from its beginning to `task`; `null` where it has no other link
 */
export async function redeployChain(task, signal) {
  const links = [task];
  while (links[0].redelivery && links.length < LONGEST) {
    try {
      links.unshift(await get('/task/get', { taskId: links[0].redelivery }, { signal }));
    } catch (error) {
      if (error.status !== 404) {
        throw error;
      }
      // It was removed.
      break;
    }
  }
  if (links.length < 2) {
    return null;
  }
  return h('nav', { class: 'chain', 'aria-label': t('deployment.chain') },
    h('span', { class: 'muted' }, t('deployment.chain')),
    h('ol', {}, links[0].redelivery && h('li', {}, '…'), links.map(link)));
}

function link(task, place, all) {
  const isThis = place === all.length - 1;
  const state = taskState(task);
  return h('li', {}, h('a', {
    href: `/deployments/${task.id}`, title: stateText(state), 'aria-current': isThis ? 'page' : undefined,
  }, statusIcon(state), `#${task.number}`));
}
