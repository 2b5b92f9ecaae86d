/**
 * `/settings/providers`: the accounts on Git hosts that deployments fetch with.
 */

import { confirmDialog, openDialog } from '../../components/dialog.js';
import { checkbox, field, FieldError, form } from '../../components/field.js';
import { partHead, thing, things } from '../../components/thing.js';
import { errorToast, toast } from '../../components/toast.js';
import { post } from '../../lib/api.js';
import { fill, foreign, h, icon } from '../../lib/dom.js';
import { PROVIDERS } from '../../lib/git-host.js';
import { t, tNodes } from '../../lib/i18n.js';
import { currentUser, reloadUser } from '../../lib/session.js';

/** Where accounts are that say no other address. */
const PUBLIC = {
  github: 'https://github.com', gitee: 'https://gitee.com', gitlab: 'https://gitlab.com', codeup: 'https://codeup.aliyun.com',
};

export default async function providersTab() {
  const place = h('div', {});
  await load();

  async function load() {
    await reloadUser();
    const accounts = currentUser().providerTokens ?? [];
    fill(place, things({ label: t('settings.providers'), items: accounts.map((it) => row(it, load)), empty: t('providers.empty') }));
  }
  return h('section', {},
    partHead({
      title: t('settings.providers'),
      hint: t('providers.hint'),
      tools: h('button', { class: 'button primary', type: 'button', onclick: () => openAdd({}, load) }, icon('plus'), t('providers.add')),
    }),
    place);
}

function row(account, load) {
  const name = PROVIDERS[account.provider] ?? account.provider;
  return thing({
    picture: 'link',
    title: [name, account.username && foreign(account.username, { class: 'muted' })],
    facts: [foreign(account.origin)],
    actions: [
      h('button', { class: 'button small', type: 'button', 'aria-label': t('providers.replaceOf', { name: account.origin }),
        onclick: () => openAdd(account, load) }, t('providers.replace')),
      h('button', { class: 'button small', type: 'button', 'aria-label': t('secrets.removeWhat', { name: account.origin }),
        onclick: () => confirmRemove(account, load) }, t('action.remove')),
    ],
  });
}

function openAdd(account, load) {
  const isNew = !account.provider;
  const provider = h('select', { onchange: show, disabled: !isNew, autofocus: isNew },
    Object.entries(PROVIDERS).map(([value, name]) => h('option', { value, selected: value === account.provider }, name)));
  const text = (props) => h('input', { type: 'text', autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false', ...props });
  const url = text({ value: account.origin ?? '', readOnly: !isNew });
  const username = text({ value: account.username ?? '' });
  const token = h('input', { type: 'password', class: 'code', autocomplete: 'new-password', autofocus: !isNew });
  const unchecked = checkbox({ label: t('providers.unchecked'), hint: t('providers.unchecked.hint') });
  const allowed = h('span', {});
  const dialog = openDialog({
    title: isNew ? t('providers.add') : t('providers.replaceOf', { name: account.origin }),
    content: form({ class: 'stack', submit },
      field({ name: 'provider', label: t('new.provider'), control: provider }),
      field({ name: 'url', label: t('providers.url'), control: url, hint: isNew && t('providers.url.hint') }),
      field({ name: 'token', label: t('tokens.value'), control: token, hint: allowed }),
      field({ name: 'username', label: t('providers.username'), control: username, hint: t('providers.username.hint'), isOptional: true }),
      unchecked,
      h('div', { class: 'actions end' },
        h('button', { class: 'button', type: 'button', onclick: () => dialog.close() }, t('action.cancel')),
        h('button', { class: 'button primary', type: 'submit' }, t('providers.save')))),
  });
  show();

  function show() {
    url.placeholder = PUBLIC[provider.value] ?? 'https://git.example.com';
    allowed.textContent = t(`providers.allowed.${provider.value}`);
    unchecked.hidden = provider.value === 'git';
  }

  async function submit() {
    if (!url.value.trim() && !PUBLIC[provider.value]) {
      throw new FieldError('url', t('providers.url.missing'));
    }
    if (!token.value.trim()) {
      throw new FieldError('token', t('providers.token.missing'));
    }
    try {
      await post('/user/updateUserProviderToken', { data: {
        provider: provider.value,
        token: token.value.trim(),
        ...(url.value.trim() ? { url: url.value.trim() } : {}),
        ...(username.value.trim() ? { username: username.value.trim() } : {}),
        ...(unchecked.querySelector('input').checked ? { checkToken: false } : {}),
      } });
    } catch (error) {
      // What the host refuses is the token.
      error.field = error.field?.replace(/^data\./, '') ?? (error.status === 422 ? 'token' : undefined);
      throw error;
    }
    dialog.close();
    toast(t('form.saved'));
    await load();
  }
}

async function confirmRemove({ provider, origin }, load) {
  const isDone = await confirmDialog({
    title: t('providers.remove.title'),
    text: h('p', {}, tNodes('providers.remove.text', { host: foreign(origin) })),
    action: t('action.remove'),
    isDangerous: true,
    run: () => post('/user/updateUserProviderToken', { data: { provider, url: origin, token: '' } }),
  });
  if (isDone) {
    await load().catch(errorToast);
  }
}
