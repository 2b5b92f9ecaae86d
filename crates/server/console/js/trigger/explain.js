/**
 * What the rules that stand in the editor would make of something that comes in.
 */

import { commitLabel, firstLine, refLabel } from '../components/commit.js';
import { errorNote } from '../components/error-panel.js';
import { field, FieldError } from '../components/field.js';
import { reasonText, ruleList, verdictBadge, verdictText } from '../components/verdict.js';
import { get, post } from '../lib/api.js';
import { fill, foreign, h, icon } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { exactTime } from '../lib/time.js';
import { parseObject } from './json.js';
import { codeInput } from './path.js';

const SOME_COMMIT = '0123456789abcdef0123456789abcdef01234567';
/** Hosts that name the push of a tag otherwise than that of a branch. */
const TAG_PUSHERS = ['gitee', 'gitlab', 'codeup'];
const OFFERED = 50;

/**
 * @param {{provider: function(): string, spec: function(): Promise<Object>, application?: Object, onError: function(Error): boolean}}
 *   options `spec` may throw; `onError` says whether it has shown the error at a rule
 * @returns {HTMLElement}
 */
export function explainPanel({ provider, spec, application, onError }) {
  const sources = ['branch', 'tag', ...(application ? ['delivery'] : []), 'payload'];
  const source = h('select', { onchange: show }, sources.map((it) => h('option', { value: it }, t(`explain.source.${it}`))));
  const ref = codeInput('main');
  const delivery = h('select', {});
  const event = codeInput('push');
  const body = h('textarea', { class: 'code', rows: 6, spellcheck: 'false', placeholder: '{"ref": "refs/heads/main"}' });
  const parts = {
    ref: field({ label: t('deploy.ref'), control: ref }),
    delivery: field({ label: t('delivery.title'), control: delivery }),
    event: field({ label: t('trigger.event.name'), control: event }),
    body: field({ label: t('explain.body'), control: body, hint: t('explain.body.hint') }),
  };
  const answer = h('div', { 'aria-live': 'polite' });
  const button = h('button', { class: 'button', type: 'button', onclick: run }, icon('play'), t('explain.run'));
  const element = h('details', { class: 'sub explain', 'data-passing': true },
    h('summary', {}, t('explain.title')),
    h('div', { class: 'stack' },
      h('p', { class: 'hint' }, t('explain.hint')),
      h('div', { class: 'fields' }, field({ label: t('explain.source'), control: source }), parts.ref, parts.delivery, parts.event),
      parts.body,
      h('div', { class: 'actions' }, button),
      answer));
  element.addEventListener('keydown', (pressed) => {
    if (pressed.key === 'Enter' && pressed.target.tagName === 'INPUT') {
      // It is not the form around that is meant.
      pressed.preventDefault();
      run();
    }
  });
  show();

  function show() {
    const of = { branch: ['ref'], tag: ['ref'], delivery: ['delivery'], payload: ['event', 'body'] }[source.value];
    for (const [name, part] of Object.entries(parts)) {
      part.hidden = !of.includes(name);
    }
    if (source.value === 'delivery' && delivery.options.length === 0) {
      offer();
    }
  }

  async function offer() {
    try {
      const { result } = await get('/deliveries/list', { appId: application.id, limit: OFFERED });
      const able = result.filter((it) => it.kind !== 'schedule');
      fill(delivery, able.map((it) => h('option', { value: it.id }, label(it))));
      if (able.length === 0) {
        fill(answer, h('p', { class: 'muted' }, t('deliveries.empty')));
      }
    } catch (error) {
      fill(answer, errorNote(error));
    }
  }

  async function run() {
    button.setAttribute('aria-busy', 'true');
    try {
      const explanation = await post('/trigger/explain', {
        ...(application ? { appId: application.id } : {}),
        provider: provider(),
        triggerSpec: await spec(),
        ...arrival(),
      });
      fill(answer, shown(explanation, application));
    } catch (error) {
      fill(answer, onError(error) ? h('p', { class: 'muted' }, t('explain.wrongRule')) : errorNote(error));
    } finally {
      button.removeAttribute('aria-busy');
    }
  }

  function arrival() {
    if (source.value === 'delivery') {
      if (!delivery.value) {
        throw new FieldError('deliveryId', t('deliveries.empty'));
      }
      return { deliveryId: delivery.value };
    }
    if (source.value !== 'payload') {
      return { payload: pushOf(provider(), source.value, ref.value.trim()) };
    }
    const given = parseObject(body.value);
    // A delivery as it was saved has its headers with it.
    if (typeof given.body === 'string' && given.headers) {
      return { payload: { headers: given.headers, body: parseObject(given.body) } };
    }
    return { payload: { event: event.value.trim(), body: given } };
  }
  return element;
}

/** The least that a host can say of a push. */
function pushOf(provider, kind, name) {
  const full = name.startsWith('refs/') ? name : `refs/${kind === 'tag' ? 'tags' : 'heads'}/${name}`;
  const isTagPush = full.startsWith('refs/tags/') && TAG_PUSHERS.includes(provider);
  return { event: isTagPush ? 'tag_push' : 'push', body: { ref: full, after: SOME_COMMIT } };
}

function label({ verdict, event, ref, createdTime }) {
  return [exactTime(createdTime), event.eventName, ref?.replace(/^refs\/(heads|tags)\//, ''), verdictText(verdict)].filter(Boolean).join(' · ');
}

function shown(explanation, application) {
  const { ref, commit, message, pipelineFiles, isFork, hasSecrets } = explanation;
  return h('div', { class: 'answer stack' },
    h('div', { class: 'row-line' }, verdictBadge(explanation.verdict), reasonText(explanation.reason)),
    h('div', { class: 'row-line small' },
      foreign(explanation.event.eventName), refLabel(ref),
      commit && commit !== SOME_COMMIT && commitLabel(commit, application),
      message && firstLine(message)),
    pipelineFiles.length > 0 && h('p', {}, t('rules.runs'), ' ',
      pipelineFiles.map((it, place) => [place > 0 && ', ', foreign(it, { class: 'mono' })])),
    isFork && h('p', {}, t(hasSecrets ? 'explain.forkSecrets' : 'explain.fork')),
    explanation.rules.length > 0 ? ruleList(explanation.rules) : h('p', { class: 'muted' }, t('rules.none')));
}
