/**
 * `/applications/ID/deliveries`: what came in, and what was made of it.
 */

import { commitLabel, refLabel } from '../../components/commit.js';
import { copyField } from '../../components/copy.js';
import { errorToast } from '../../components/toast.js';
import { reasonText, verdictIcon, VERDICTS, verdictText } from '../../components/verdict.js';
import { get } from '../../lib/api.js';
import { connectionChanged } from '../../lib/connection.js';
import { fill, foreign, h, icon } from '../../lib/dom.js';
import { t, tn } from '../../lib/i18n.js';
import { ago } from '../../lib/time.js';

const PAGE = 25;
const REFRESH_MS = 10_000;

/**
 * @param {Object} page
 * @param {Object} application
 * @returns {Promise<Node>}
 */
export default async function deliveriesTab(page, application) {
  let deliveries = [];
  let cursor;
  const verdict = h('select', { class: 'compact', 'aria-label': t('deliveries.filter'), onchange: () => load().catch(errorToast) },
    h('option', { value: '' }, t('deliveries.all')),
    Object.keys(VERDICTS).map((it) => h('option', { value: it }, verdictText(it))));
  const list = h('ul', { class: 'rows', 'aria-label': t('app.deliveries') });
  const more = h('div', { class: 'more' });

  const part = (query) => get('/deliveries/list', { appId: application.id, limit: PAGE, verdict: verdict.value, ...query },
    { signal: page.signal });

  async function load() {
    const { result, nextCursor } = await part({});
    deliveries = result;
    cursor = nextCursor;
    draw();
  }

  async function loadMore() {
    try {
      const { result, nextCursor } = await part({ cursor });
      const first = result[0]?.id;
      deliveries = [...deliveries, ...result];
      cursor = nextCursor;
      draw();
      list.querySelector(`[data-key="${first}"]`)?.focus();
    } catch (error) {
      errorToast(error);
    }
  }

  /** Lays what is new over what is there: a delivery does not change any more. */
  async function reload() {
    const { result, nextCursor } = await part({});
    const known = new Set(deliveries.map((it) => it.id));
    const fresh = result.filter((it) => !known.has(it.id));
    if (fresh.length === 0) {
      return;
    }
    const isGap = fresh.length === result.length;
    cursor = isGap ? nextCursor : cursor;
    deliveries = isGap ? result : [...fresh, ...deliveries];
    draw();
  }

  function draw() {
    const focus = list.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    fill(list, deliveries.map((it) => row(it, application)));
    if (deliveries.length === 0) {
      fill(list, verdict.value
        ? h('li', { class: 'empty-row muted' }, t('deliveries.noMatch'))
        : h('li', { class: 'empty-row' }, emptyState(application)));
    }
    fill(more, cursor && h('button', { class: 'button', type: 'button', onclick: loadMore }, t('action.more')));
    if (focus) {
      list.querySelector(`[data-key="${focus}"]`)?.focus({ preventScroll: true });
    }
  }

  await load();
  page.every(REFRESH_MS, reload);
  connectionChanged.listen((isLost) => isLost || reload().catch(() => {}), page.signal);
  return h('div', {}, h('div', { class: 'list-head' }, verdict), list, more);
}

function row(delivery, application) {
  const pull = delivery.event.pullRequest;
  const what = pull ? `#${pull.number} ${pull.title}` : (delivery.message ?? '').split('\n', 1)[0];
  return h('li', { class: 'row delivery-row' },
    verdictIcon(delivery.verdict),
    h('div', { class: 'row-main' },
      h('a', { class: 'row-title stretched', href: `/applications/${application.id}/deliveries/${delivery.id}`, 'data-key': delivery.id },
        what ? foreign(what) : reasonText(delivery.reason)),
      h('div', { class: 'row-line small' },
        h('span', {}, verdictText(delivery.verdict)),
        what && reasonText(delivery.reason, { class: 'ellipsis' }))),
    h('div', { class: 'row-detail row-line small' },
      h('span', { class: 'pill' }, t(`delivery.kind.${delivery.kind}`)),
      foreign(delivery.event.eventName, { class: 'muted' }),
      refLabel(delivery.ref),
      delivery.commit && commitLabel(delivery.commit, application)),
    h('div', { class: 'row-end small' },
      ago(delivery.createdTime),
      h('span', { class: 'row-line' }, taskLinks(delivery.taskIds))));
}

function taskLinks(taskIds) {
  return taskIds.length === 1
    ? h('a', { href: `/deployments/${taskIds[0]}` }, t('deliveries.task'))
    : taskIds.map((id, place) => h('a', { href: `/deployments/${id}` }, tn('deliveries.taskOf', place + 1)));
}

function emptyState(application) {
  const { webhook } = application;
  return h('div', { class: 'stack deliveries-empty' },
    icon('webhook', 'big muted'),
    h('p', {}, t('deliveries.empty')),
    h('p', { class: 'muted' }, t(webhook?.isInstalled ? 'deliveries.empty.installed' : 'deliveries.empty.manual')),
    webhook && copyField({ label: t('new.webhook.url'), value: webhook.url }),
    h('p', {}, h('a', { href: `/applications/${application.id}/settings#webhook` }, t('deliveries.empty.settings'))));
}
