/**
 * Choosing a repository among those that an account on a Git host sees.
 */

import { get } from '../lib/api.js';
import { fill, foreign, h, icon } from '../lib/dom.js';
import { PROVIDERS } from '../lib/git-host.js';
import { t } from '../lib/i18n.js';
import { openDialog } from './dialog.js';
import { errorNote } from './error-panel.js';

const SHOWN = 200;

/**
 * A button for each account of the user.
 *
 * @param {Array<{provider: string, origin: string, username?: string}>} accounts
 * @param {function(string, Object): void} onChosen told the provider and the repository
 * @returns {?HTMLElement} `null` without accounts
 */
export function repositoryPicker(accounts, onChosen) {
  const able = accounts.filter((it) => it.provider !== 'git');
  return able.length === 0 ? null : h('div', { class: 'actions' }, able.map((account) =>
    h('button', { class: 'button', type: 'button', onclick: () => openPicker(account, onChosen) },
      icon('search'), t('picker.choose', { host: PROVIDERS[account.provider] ?? account.provider }),
      account.username && foreign(account.username, { class: 'muted' }))));
}

function openPicker({ provider, origin }, onChosen) {
  const search = h('input', { type: 'search', placeholder: t('picker.search'), 'aria-label': t('picker.search'), oninput: draw,
    autofocus: true });
  const list = h('ul', { class: 'picker rows', 'aria-label': t('new.repository') },
    h('li', { class: 'empty-row muted' }, t('log.loading')));
  const dialog = openDialog({ title: t('picker.choose', { host: PROVIDERS[provider] ?? provider }), isWide: true,
    content: h('div', { class: 'stack' }, search, list) });
  let repositories = [];

  function draw() {
    const word = search.value.trim().toLowerCase();
    const found = repositories.filter((it) => `${it.owner}/${it.name} ${it.description ?? ''}`.toLowerCase().includes(word));
    fill(list, found.slice(0, SHOWN).map(row), found.length === 0 && h('li', { class: 'empty-row muted' }, t('picker.none')));
  }

  function row(repository) {
    return h('li', {}, h('button', { class: 'picker-row', type: 'button', onclick: () => {
      dialog.close();
      onChosen(provider, repository);
    } },
    h('span', { class: 'grow ellipsis' }, foreign(`${repository.owner}/${repository.name}`),
      repository.description && h('span', { class: 'muted small' }, '  ', foreign(repository.description))),
    repository.disabled && h('span', { class: 'pill' }, t('picker.used')),
    repository.private && h('span', { class: 'pill' }, t('picker.private'))));
  }

  get(`/${provider}/repos`, { url: origin }).then((found) => {
    repositories = found;
    draw();
  }, (error) => fill(list, h('li', { class: 'empty-row' }, errorNote(error))));
}
