/**
 * `/settings/tokens`: what programs sign in with.
 */

import { copyField } from '../../components/copy.js';
import { confirmDialog, openDialog } from '../../components/dialog.js';
import { field, form } from '../../components/field.js';
import { partHead, thing, things } from '../../components/thing.js';
import { errorToast, toast } from '../../components/toast.js';
import { get, post } from '../../lib/api.js';
import { fill, foreign, h, icon } from '../../lib/dom.js';
import { t, tn, tNodes } from '../../lib/i18n.js';
import { ago } from '../../lib/time.js';

const DAY_MS = 86_400_000;
const DAYS = [1, 7, 30, 60, 90, 180];
const DEFAULT_DAYS = 30;
const NEVER = -1;

export default async function tokensTab(page) {
  const place = h('div', {});

  async function load() {
    const { result } = await get('/tokens/list', null, { signal: page.signal });
    fill(place, things({ label: t('settings.tokens'), items: result.map((it) => row(it, load)), empty: t('tokens.empty') }));
  }
  await load();
  return h('section', {},
    partHead({
      title: t('settings.tokens'),
      hint: tNodes('tokens.hint', { header: h('code', {}, 'cd_token') }),
      tools: h('button', { class: 'button primary', type: 'button', onclick: () => openCreate(load) }, icon('plus'), t('tokens.create')),
    }),
    place);
}

function isExpired(token) {
  return token.expire_time !== NEVER && token.expire_time <= Date.now();
}

function row(token, load) {
  const name = token.description || t('tokens.unnamed');
  return thing({
    picture: 'key',
    title: [token.description ? foreign(token.description) : h('span', { class: 'muted' }, name),
      isExpired(token) && h('span', { class: 'pill state-failure' }, icon('failure'), ' ', t('tokens.expired'))],
    facts: [
      h('span', {}, tNodes('tokens.created', { time: ago(token.created_time) })),
      h('span', {}, token.expire_time === NEVER ? t('tokens.neverExpires')
        : tNodes(isExpired(token) ? 'tokens.expiredAt' : 'tokens.expires', { time: ago(token.expire_time) })),
      h('span', {}, token.active_time ? tNodes('tokens.used', { time: ago(token.active_time) }) : t('tokens.neverUsed')),
    ],
    actions: [
      h('button', { class: 'button small', type: 'button', 'aria-label': t('tokens.expiryOf', { name }),
        onclick: () => openExpiry(token, name, load) }, t('tokens.expiry')),
      h('button', { class: 'button small', type: 'button', 'aria-label': t('tokens.revokeOf', { name }),
        onclick: () => revoke(token, name, load) }, t('tokens.revoke')),
    ],
  });
}

/** The choice of how long, in milliseconds. */
function lifetime() {
  return h('select', {},
    DAYS.map((days) => h('option', { value: days * DAY_MS, selected: days === DEFAULT_DAYS }, tn('tokens.days', days))),
    h('option', { value: NEVER }, t('tokens.never')));
}

function openCreate(load) {
  const description = h('input', { type: 'text', maxlength: 200, autocomplete: 'off', autofocus: true });
  const expiration = lifetime();
  const place = h('div', {});
  let isMade = false;
  fill(place, form({
    class: 'stack',
    label: t('tokens.create'),
    submit: async () => {
      const minted = await post('/tokens/create', {
        description: description.value.trim(), expiration: Number(expiration.value),
      });
      isMade = true;
      fill(place, shownOnce(minted, dialog));
      place.querySelector('.copy').focus();
    },
  },
  field({ name: 'description', label: t('tokens.description'), control: description, hint: t('tokens.description.hint'), isOptional: true }),
  field({ name: 'expiration', label: t('tokens.expiry'), control: expiration }),
  h('div', { class: 'actions end' },
    h('button', { class: 'button', type: 'button', onclick: () => dialog.close() }, t('action.cancel')),
    h('button', { class: 'button primary', type: 'submit' }, t('tokens.create')))));
  const dialog = openDialog({ title: t('tokens.create'), content: place, onClose: () => isMade && load().catch(() => {}) });
}

function shownOnce(minted, dialog) {
  return h('div', { class: 'stack' },
    h('div', { class: 'note warn' }, icon('warning'), h('span', {}, t('tokens.once'))),
    copyField({ label: t('tokens.value'), value: minted.cd_token }),
    h('div', { class: 'actions end' },
      h('button', { class: 'button primary', type: 'button', onclick: () => dialog.close() }, t('tokens.kept'))));
}

function openExpiry(token, name, load) {
  const expiration = lifetime();
  const dialog = openDialog({
    title: t('tokens.expiryOf', { name }),
    content: form({
      class: 'stack',
      submit: async () => {
        await post('/tokens/update', { id: token.id, expiration: Number(expiration.value) });
        dialog.close();
        toast(t('form.saved'));
        await load();
      },
    },
    field({ name: 'expiration', label: t('tokens.expiry'), control: expiration, hint: t('tokens.expiry.hint') }),
    h('div', { class: 'actions end' },
      h('button', { class: 'button', type: 'button', onclick: () => dialog.close() }, t('action.cancel')),
      h('button', { class: 'button primary', type: 'submit' }, t('action.save')))),
  });
}

async function revoke(token, name, load) {
  const isDone = await confirmDialog({
    title: t('tokens.revoke.title'),
    text: h('p', {}, tNodes('tokens.revoke.text', { name: foreign(name) })),
    action: t('tokens.revoke'),
    isDangerous: true,
    run: () => post('/tokens/delete', { id: token.id }),
  });
  if (isDone) {
    toast(t('tokens.revoked'));
    await load().catch(errorToast);
  }
}
