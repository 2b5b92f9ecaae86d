/**
 * `/applications/ID`: the deployments of an application, the newest first.
 */

import { commitLabel, firstLine, refLabel } from '../../components/commit.js';
import { isFinal, stateText, statusIcon, taskState } from '../../components/status.js';
import { cancelTask, redeploy } from '../../components/task-actions.js';
import { get } from '../../lib/api.js';
import { connectionChanged } from '../../lib/connection.js';
import { fill, foreign, h, icon } from '../../lib/dom.js';
import { t } from '../../lib/i18n.js';
import { navigate } from '../../lib/router.js';
import { ago, duration, taskSeconds } from '../../lib/time.js';

const PAGE = 25;
const REFRESH_RUNNING_MS = 2000;
const REFRESH_MS = 10_000;
const STATES = ['pending', 'running', 'success', 'failure', 'cancelled'];

/**
 * @param {Object} page
 * @param {Object} application
 * @returns {Promise<Node>}
 */
export default async function deploymentsTab(page, application) {
  let tasks = [];
  let cursor;
  const status = h('select', { class: 'compact', 'aria-label': t('deployments.filter'), onchange: () => load().catch(() => {}) },
    h('option', { value: '' }, t('deployments.all')),
    STATES.map((it) => h('option', { value: it }, stateText(it))));
  const list = h('ul', { class: 'rows', 'aria-label': t('app.deployments') });
  const more = h('div', { class: 'more' });

  const list25 = (query) => get('/task/list', { appId: application.id, limit: PAGE, status: status.value, ...query },
    { signal: page.signal });

  async function load() {
    const part = await list25({});
    tasks = part.result;
    cursor = part.nextCursor;
    draw();
  }

  async function loadMore() {
    const part = await list25({ cursor });
    tasks = [...tasks, ...part.result];
    cursor = part.nextCursor;
    draw();
  }

  /** Lays the newest part over what is there: older parts stay, and keep their states until they are asked for. */
  async function reload() {
    const part = await list25({});
    const fresh = new Set(part.result.map((it) => it.id));
    const oldest = part.result.at(-1)?.number ?? 0;
    const kept = tasks.filter((it) => !fresh.has(it.id) && it.number < oldest);
    cursor = kept.length ? cursor : part.nextCursor;
    tasks = [...part.result, ...kept];
    draw();
  }

  function draw() {
    // Whoever is about to press a button of a row keeps it.
    if (list.contains(document.activeElement) && document.activeElement.matches('button:hover')) {
      return;
    }
    const focus = document.activeElement?.dataset?.key;
    const longest = Math.max(1, ...tasks.map((it) => taskSeconds(it) ?? 0));
    const newest = tasks.find((it) => it.status === 'success');
    fill(list, tasks.map((task) => row(task, application, { longest, newest, reload })));
    if (tasks.length === 0) {
      fill(list, h('li', { class: 'empty-row' }, status.value
        ? h('p', { class: 'muted' }, t('deployments.noMatch'))
        : [h('p', {}, t('deployments.empty')), h('p', { class: 'muted small' }, t('deployments.empty.hint'))]));
    }
    fill(more, cursor && h('button', { class: 'button', type: 'button', onclick: loadMore }, t('action.more')));
    if (focus) {
      list.querySelector(`[data-key="${focus}"]`)?.focus({ preventScroll: true });
    }
  }

  await load();
  const isAnyRunning = () => tasks.some((it) => !isFinal(it.status));
  page.every(() => (isAnyRunning() ? REFRESH_RUNNING_MS : REFRESH_MS), reload);
  connectionChanged.listen((isLost) => isLost || reload().catch(() => {}), page.signal);
  return h('div', {}, h('div', { class: 'list-head' }, status), list, more);
}

function row(task, application, { longest, newest, reload }) {
  const state = taskState(task);
  const seconds = taskSeconds(task);
  const isOlder = task.status === 'success' && newest && newest.id !== task.id;
  const who = task.event?.pusher?.name;
  return h('li', { class: 'row deployment-row' },
    statusIcon(state),
    h('div', { class: 'row-main' },
      h('a', { class: 'row-title stretched', href: `/deployments/${task.id}`, 'data-key': `${task.id}-open` }, firstLine(task.message)),
      h('div', { class: 'row-line small' }, h('span', {}, `#${task.number}`), h('span', {}, stateText(state)),
        h('span', {}, t(`trigger.type.${task.triggerType}`)), who && foreign(who, { class: 'ellipsis' }))),
    h('div', { class: 'row-detail row-line small' }, refLabel(task.ref), commitLabel(task.commit, application)),
    h('div', { class: 'row-time small muted' },
      h('span', { class: 'row-line' }, ago(task.created_time), seconds !== null && h('span', { class: 'nowrap' }, duration(seconds))),
      h('div', { class: ['bar', `state-${state}`], 'aria-hidden': 'true' },
        h('span', { style: { '--part': `${(100 * (seconds ?? 0)) / longest}%` } }))),
    h('div', { class: 'actions row-actions' },
      isFinal(task.status)
        ? action(isOlder ? 'rollback' : 'redo', isOlder ? t('deployments.rollback') : t('deployments.redeploy'), `${task.id}-again`,
          async () => {
            const taskId = await redeploy(task, { isRollback: isOlder });
            if (taskId) {
              await navigate(`/deployments/${taskId}`);
            }
          })
        : action('stop', t('deployments.cancel'), `${task.id}-cancel`, async () => {
          if (await cancelTask(task)) {
            await reload();
          }
        }, state === 'cancelling')));
}

function action(name, label, key, run, isDisabled = false) {
  return h('button', { class: 'icon-button', type: 'button', title: label, 'aria-label': label, 'data-key': key,
    disabled: isDisabled, onclick: run }, icon(name));
}
