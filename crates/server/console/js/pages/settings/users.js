/**
 * `/settings/users`: who may sign in; for administrators.
 */

import { confirmDialog, openDialog } from '../../components/dialog.js';
import { checkbox, field, FieldError, form } from '../../components/field.js';
import { partHead, thing, things } from '../../components/thing.js';
import { errorToast, toast } from '../../components/toast.js';
import { get, post } from '../../lib/api.js';
import { fill, foreign, h, icon } from '../../lib/dom.js';
import { t, tNodes } from '../../lib/i18n.js';
import { currentUser } from '../../lib/session.js';
import { ago } from '../../lib/time.js';

const MIN_PASSWORD_CHARS = 10;

export default async function usersTab(page) {
  if (!currentUser()?.isAdmin) {
    return h('section', {},
      partHead({ title: t('settings.users') }),
      h('div', { class: 'note' }, icon('info'), h('span', {}, t('users.notAdmin'))));
  }
  const place = h('div', {});
  await load();

  async function load() {
    const { result } = await get('/users/list', null, { signal: page.signal });
    fill(place, things({ label: t('settings.users'), items: result.map((it) => row(it, load)), empty: t('users.empty') }));
  }
  return h('section', {},
    partHead({
      title: t('settings.users'),
      hint: t('users.hint'),
      tools: h('button', { class: 'button primary', type: 'button', onclick: () => openCreate(load) }, icon('plus'), t('users.create')),
    }),
    place);
}

function row(user, load) {
  const name = user.username;
  const isSelf = user.id === currentUser().id;
  const act = (key, run) => h('button', { class: 'button small', type: 'button', 'aria-label': `${t(key)}: ${name}`, onclick: run }, t(key));
  return thing({
    picture: 'user',
    title: [foreign(name),
      isSelf && h('span', { class: 'muted small' }, t('users.self')),
      user.isAdmin && h('span', { class: 'pill' }, t('users.admin')),
      user.isDisabled && h('span', { class: 'pill state-failure' }, icon('cancelled'), ' ', t('users.disabled'))],
    facts: [h('span', {}, tNodes('tokens.created', { time: ago(user.created_time) }))],
    actions: [
      // One's own password is changed with the old one, and nobody locks himself out.
      !isSelf && act('users.password', () => openPassword(user, load)),
      !isSelf && act(user.isAdmin ? 'users.noAdmin' : 'users.makeAdmin', () =>
        change(user, { isAdmin: !user.isAdmin }, user.isAdmin ? 'users.noAdmin' : 'users.makeAdmin', load)),
      !isSelf && act(user.isDisabled ? 'users.enable' : 'users.disable', () =>
        change(user, { isDisabled: !user.isDisabled }, user.isDisabled ? 'users.enable' : 'users.disable', load)),
      isSelf && h('a', { class: 'button small', href: '/settings/about' }, t('about.password')),
    ],
  });
}

async function change(user, patch, key, load) {
  const isDone = await confirmDialog({
    title: t(`${key}.title`, { name: user.username }),
    text: h('p', {}, t(`${key}.text`)),
    action: t(key),
    isDangerous: key === 'users.disable',
    run: () => post('/users/update', { id: user.id, ...patch }),
  });
  if (isDone) {
    toast(t('form.saved'));
    await load().catch(errorToast);
  }
}

function passwordInput() {
  return h('input', { type: 'password', autocomplete: 'new-password', required: true });
}

function checkPassword({ value }) {
  if ([...value].length < MIN_PASSWORD_CHARS) {
    throw new FieldError('password', t('password.short', { n: MIN_PASSWORD_CHARS }));
  }
}

function openCreate(load) {
  const username = h('input', { type: 'text', autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false', maxlength: 50, autofocus: true });
  const password = passwordInput();
  const admin = checkbox({ label: t('users.admin'), hint: t('users.admin.hint') });
  const dialog = openDialog({
    title: t('users.create'),
    content: form({
      class: 'stack',
      submit: async () => {
        if (!username.value.trim()) {
          throw new FieldError('username', t('login.username.missing'));
        }
        checkPassword(password);
        await post('/users/create', {
          username: username.value.trim(), password: password.value, isAdmin: admin.querySelector('input').checked,
        });
        dialog.close();
        toast(t('form.saved'));
        await load();
      },
    },
    field({ name: 'username', label: t('login.username'), control: username, hint: t('users.username.hint') }),
    field({ name: 'password', label: t('login.password'), control: password, hint: t('password.hint', { n: MIN_PASSWORD_CHARS }) }),
    admin,
    h('div', { class: 'actions end' },
      h('button', { class: 'button', type: 'button', onclick: () => dialog.close() }, t('action.cancel')),
      h('button', { class: 'button primary', type: 'submit' }, t('users.create')))),
  });
}

function openPassword(user, load) {
  const password = passwordInput();
  const dialog = openDialog({
    title: t('users.password.title', { name: user.username }),
    content: form({
      class: 'stack',
      submit: async () => {
        checkPassword(password);
        await post('/users/update', { id: user.id, password: password.value });
        dialog.close();
        toast(t('password.changed'));
        await load();
      },
    },
    h('p', { class: 'muted' }, t('users.password.text')),
    field({ name: 'password', label: t('password.new'), control: password, hint: t('password.hint', { n: MIN_PASSWORD_CHARS }) }),
    h('div', { class: 'actions end' },
      h('button', { class: 'button', type: 'button', onclick: () => dialog.close() }, t('action.cancel')),
      h('button', { class: 'button primary', type: 'submit' }, t('action.save')))),
  });
}
