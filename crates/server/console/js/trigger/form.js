/**
 * A trigger as a form: a card for each kind of rule that it has, and buttons for those that it has not.
 */

import { fill, h, icon } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { eventEditor } from './events.js';
import { pullRequestsEditor, targetsEditor } from './pull-requests.js';
import { pushesEditor } from './pushes.js';
import { scheduleEditor } from './schedules.js';

/** The kinds of rules: how they are edited, whether there may be many, and what a new one is. */
const KINDS = {
  push: { edit: pushesEditor, fresh: { branches: { precise: ['main'] } } },
  pull_request: { edit: pullRequestsEditor, fresh: { types: ['opened', 'reopened', 'synchronize'], branches: { precise: [{ target: 'main' }] } } },
  schedule: { edit: scheduleEditor, isMany: true, fresh: {} },
  events: { edit: eventEditor, isMany: true, fresh: { eventName: 'push' } },
  pr: { edit: targetsEditor, fresh: { branches: { precise: ['main'] } } },
};

/**
 * @param {Object} trigger of one provider
 * @returns {{element: HTMLElement, value: function(): Object}} `value` may throw a `FieldError`, whose `field` is a path
 *   below the provider
 */
export function triggerForm(trigger) {
  const { secret, password, ...rest } = trigger;
  // What is shown as `***` stays on the server by itself.
  const kept = Object.fromEntries(Object.entries({ secret, password }).filter(([, it]) => it !== undefined && it !== '***'));
  const cards = [];
  const list = h('div', { class: 'cards' });
  const adders = h('div', { class: 'actions' });
  const element = h('div', { class: 'stack' }, list, adders);
  for (const [kind, { isMany }] of Object.entries(KINDS)) {
    for (const rule of isMany ? rest[kind] ?? [] : [rest[kind]].filter(Boolean)) {
      addCard(kind, rule);
    }
  }
  draw();

  function addCard(kind, rule) {
    const editor = KINDS[kind].edit(rule);
    const card = { kind, editor };
    card.element = h('section', { class: 'card', 'aria-label': t(`trigger.kind.${kind}`) },
      h('div', { class: 'card-head' },
        h('h3', {}, t(`trigger.kind.${kind}`)),
        h('button', { class: 'icon-button', type: 'button', title: t('action.remove'),
          'aria-label': t('trigger.removeKind', { kind: t(`trigger.kind.${kind}`) }), onclick: () => {
            cards.splice(cards.indexOf(card), 1);
            draw();
            adders.querySelector('button')?.focus();
          } }, icon('trash'))),
      editor.element);
    cards.push(card);
    return card;
  }

  function draw() {
    const order = Object.keys(KINDS);
    cards.sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
    fill(list, cards.map((it) => it.element),
      cards.length === 0 && h('p', { class: 'muted' }, t('trigger.nothing')));
    const able = Object.entries(KINDS).filter(([kind, { isMany }]) => isMany || cards.every((it) => it.kind !== kind));
    fill(adders, able.map(([kind, { fresh }]) =>
      h('button', { class: 'button small', type: 'button', onclick: () => {
        const card = addCard(kind, structuredClone(fresh));
        draw();
        card.element.querySelector('input, select, textarea')?.focus();
      } }, icon('plus'), t(`trigger.kind.${kind}`))));
  }

  function value() {
    const found = { ...kept };
    // First where each stands, so that an error finds its place.
    for (const kind of Object.keys(KINDS)) {
      cards.filter((it) => it.kind === kind).forEach((card, place) => {
        card.element.dataset.path = KINDS[kind].isMany ? `${kind}[${place}]` : kind;
      });
    }
    for (const { kind, editor, element: at } of cards) {
      const rule = valueOf(editor, at.dataset.path);
      if (KINDS[kind].isMany) {
        (found[kind] ??= []).push(rule);
      } else {
        found[kind] = rule;
      }
    }
    return found;
  }
  return { element, value };
}

function valueOf(editor, path) {
  try {
    return editor.value();
  } catch (error) {
    error.field = `${path}.${error.field}`;
    throw error;
  }
}
