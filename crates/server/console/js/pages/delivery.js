/**
 * `/applications/ID/deliveries/ID`: one delivery, with what each rule said, its headers and its body.
 */

import { commitLabel, firstLine, refLabel } from '../components/commit.js';
import { copyButton } from '../components/copy.js';
import { confirmDialog } from '../components/dialog.js';
import { reasonText, ruleList, verdictBadge, verdictSentence } from '../components/verdict.js';
import { toast } from '../components/toast.js';
import { get, post } from '../lib/api.js';
import { foreign, h, icon, visibleText } from '../lib/dom.js';
import { formatNumber, t, tn } from '../lib/i18n.js';
import { navigate } from '../lib/router.js';
import { ago } from '../lib/time.js';

/** A longer body is shown so far, and copied in full. */
const MAX_SHOWN_CHARS = 100_000;

export default async function deliveryPage(page) {
  const { id, delivery: deliveryId } = page.params;
  const [application, delivery] = await Promise.all([
    get('/application/detail', { id }, { signal: page.signal }),
    get('/deliveries/get', { deliveryId }, { signal: page.signal }),
  ]);
  const name = `${application.owner}/${application.repo_name}`;
  page.title(`${t('delivery.title')} · ${name}`, delivery.verdict === 'failed' ? 'failure' : undefined);
  const canReplay = delivery.body !== undefined && delivery.kind !== 'schedule';
  return h('div', {},
    h('nav', { class: 'crumbs', 'aria-label': t('nav.crumbs') },
      h('a', { href: '/' }, t('nav.applications')), h('span', { 'aria-hidden': 'true' }, '/'),
      h('a', { href: `/applications/${id}` }, foreign(name)), h('span', { 'aria-hidden': 'true' }, '/'),
      h('a', { href: `/applications/${id}/deliveries` }, t('app.deliveries'))),
    h('div', { class: 'page-head' },
      h('h1', {}, t('delivery.title'), ' ', foreign(delivery.event.eventName, { class: 'muted' })),
      canReplay && h('div', { class: 'tools' },
        h('button', { class: 'button', type: 'button', onclick: () => replay(delivery) }, icon('redo'), t('delivery.replay')))),
    h('section', { class: 'panel stack' },
      h('div', {},
        h('div', { class: 'row-line verdict' }, verdictBadge(delivery.verdict), verdictSentence(delivery.verdict)),
        reasonText(delivery.reason, { class: 'muted' })),
      facts(delivery, application)),
    h('section', { class: 'panel' },
      h('h2', {}, t('rules.title')),
      delivery.rules.length > 0 ? ruleList(delivery.rules) : h('p', { class: 'muted' }, t('rules.none'))),
    headersPart(delivery),
    bodyPart(delivery));
}

function facts(delivery, application) {
  const pull = delivery.event.pullRequest;
  const fact = (key, ...value) => value.some(Boolean) && h('div', {}, h('dt', {}, t(key)), h('dd', {}, value));
  return h('dl', { class: 'facts' },
    fact('delivery.kind', t(`delivery.kind.${delivery.kind}`)),
    fact('deployment.created', ago(delivery.createdTime)),
    fact('deployment.ref', refLabel(delivery.ref)),
    fact('deployment.commit', delivery.commit && commitLabel(delivery.commit, application)),
    fact('delivery.message', delivery.message && firstLine(delivery.message)),
    fact('deployment.who', delivery.event.pusher?.name && foreign(delivery.event.pusher.name)),
    fact('deployment.pull', pull && h('span', {}, `#${pull.number} `, foreign(pull.title),
      ' (', foreign(pull.sourceBranch), ' → ', foreign(pull.targetBranch), ')')),
    fact('deployment.fork', pull?.isFork && t('delivery.fork')),
    fact('app.deployments', delivery.taskIds.length > 0 && delivery.taskIds.map((task, place) => [place > 0 && ', ',
      h('a', { href: `/deployments/${task}` }, tn('deliveries.taskOf', place + 1))])),
    fact('delivery.replayOf', delivery.replayOf
      && h('a', { href: `/applications/${application.id}/deliveries/${delivery.replayOf}` }, t('delivery.replayOf.link'))),
    fact('delivery.took', t('delivery.ms', { n: formatNumber(Math.round(delivery.durationMs * 10) / 10) })),
    fact('delivery.key', foreign(delivery.key, { class: 'mono' })));
}

function headersPart({ headers }) {
  const names = Object.keys(headers ?? {});
  return names.length > 0 && h('details', { class: 'panel fold' },
    h('summary', {}, t('delivery.headers'), h('span', { class: 'muted' }, ` ${formatNumber(names.length)}`)),
    h('div', { class: 'table-wrap' }, h('table', {},
      h('thead', { class: 'sr-only' }, h('tr', {}, h('th', { scope: 'col' }, t('pairs.name')), h('th', { scope: 'col' }, t('pairs.value')))),
      h('tbody', {}, names.map((name) => h('tr', {},
        h('th', { scope: 'row' }, foreign(name, { class: 'mono' })), h('td', {}, foreign(headers[name], { class: 'mono' }))))))));
}

function bodyPart({ body, bodyBytes }) {
  if (body === undefined) {
    return bodyBytes > 0 && h('div', { class: 'note after' }, icon('info'), h('span', {}, t('delivery.body.notKept', { n: formatNumber(bodyBytes) })));
  }
  const text = pretty(body);
  // As one text: an element for each of a hundred thousand hidden characters would take the browser long.
  const isCut = text.length > MAX_SHOWN_CHARS;
  return h('details', { class: 'panel fold', open: true },
    h('summary', {}, t('delivery.body'), h('span', { class: 'muted' }, ' ', t('log.bytes', { n: formatNumber(bodyBytes) }))),
    h('div', { class: 'body-box' },
      copyButton(body, t('delivery.body')),
      h('pre', { class: 'json sunken', tabindex: '0', 'aria-label': t('delivery.body') }, visibleText(text.slice(0, MAX_SHOWN_CHARS))),
      isCut && h('p', { class: 'muted small' }, t('delivery.body.cut', { n: formatNumber(MAX_SHOWN_CHARS) }))));
}

function pretty(body) {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}

async function replay(delivery) {
  let made = null;
  await confirmDialog({
    title: t('delivery.replay.title'),
    text: h('p', {}, t('delivery.replay.text')),
    action: t('delivery.replay'),
    run: async () => {
      made = await post('/deliveries/replay', { deliveryId: delivery.id });
    },
  });
  if (made) {
    toast(t(`delivery.replayed.${made.verdict === 'deployed' ? 'deployed' : 'other'}`));
    await navigate(`/applications/${delivery.appId}/deliveries/${made.deliveryId}`);
  }
}
