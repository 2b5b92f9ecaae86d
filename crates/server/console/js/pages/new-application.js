/**
 * `/applications/new`: binds a repository, and shows once what its webhook needs.
 */

import { copyField } from '../components/copy.js';
import { field, FieldError, form } from '../components/field.js';
import { pairsEditor } from '../components/pairs-editor.js';
import { repositoryPicker } from '../components/repository-picker.js';
import { triggerChoice } from '../components/trigger-choice.js';
import { onceKey, post } from '../lib/api.js';
import { fill, h, icon, sentence, visible } from '../lib/dom.js';
import { guessRepository, PROVIDERS } from '../lib/git-host.js';
import { t } from '../lib/i18n.js';
import { currentUser } from '../lib/session.js';

export default async function newApplicationPage(page) {
  page.title(t('new.title'));
  const key = onceKey();
  const root = h('div', { class: 'form-page' });
  const text = (props) => h('input', { type: 'text', autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false', ...props });
  let chosen = null;
  const url = text({ placeholder: 'https://github.com/owner/repo.git', autofocus: true, oninput: guess });
  const provider = h('select', { onchange: () => touched.add(provider) },
    Object.entries(PROVIDERS).map(([value, name]) => h('option', { value }, name)));
  const owner = text({ oninput: () => touched.add(owner) });
  const repo = text({ oninput: () => touched.add(repo) });
  const description = text({ maxlength: 1000 });
  const secrets = pairsEditor({ name: 'secrets', isSecret: true });
  const trigger = triggerChoice(() => provider.value);
  /** What somebody has set himself is not guessed over. */
  const touched = new Set();

  function guess() {
    const found = guessRepository(url.value);
    for (const [control, value] of [[provider, found?.provider ?? 'github'], [owner, found?.owner ?? ''], [repo, found?.repo ?? '']]) {
      if (!touched.has(control)) {
        control.value = value;
      }
    }
  }

  function choose(name, repository) {
    chosen = repository;
    url.value = repository.url;
    provider.value = name;
    owner.value = repository.owner;
    repo.value = repository.name;
    [provider, owner, repo].forEach((it) => touched.add(it));
    description.value ||= repository.description ?? '';
    url.focus();
  }

  async function submit() {
    for (const [name, control, message] of [['repo_url', url, 'new.url.missing'], ['owner', owner, 'new.owner.missing'],
      ['repo', repo, 'new.repo.missing']]) {
      if (!control.value.trim()) {
        throw new FieldError(name, t(message));
      }
    }
    const created = await create();
    if (!created) {
      return false;
    }
    fill(root, result(created, `${owner.value.trim()}/${repo.value.trim()}`));
    scrollTo(0, 0);
    root.querySelector('h1').focus();
    return true;
  }

  /** What is wrong with a rule is shown at the rule; then nothing is made. */
  async function create() {
    try {
      return await post('/application/create', {
        provider: provider.value,
        owner: owner.value.trim(),
        repo: repo.value.trim(),
        repo_url: url.value.trim(),
        ...(chosen?.url === url.value.trim() ? { provider_repo_id: chosen.id } : {}),
        description: description.value.trim(),
        secrets: secrets.value(),
        trigger_spec: await trigger.value(),
      }, { key });
    } catch (error) {
      if (!trigger.place(error)) {
        throw error;
      }
      return null;
    }
  }

  fill(root,
    h('nav', { class: 'crumbs', 'aria-label': t('nav.crumbs') }, h('a', { href: '/' }, t('nav.applications'))),
    h('div', { class: 'page-head' }, h('h1', {}, t('new.title'))),
    form({ submit, label: t('new.title') },
      h('section', { class: 'panel form-section' },
        h('h2', {}, t('new.repository')),
        repositoryPicker(currentUser()?.providerTokens ?? [], choose),
        field({ name: 'repo_url', label: t('new.url'), control: url, hint: t('new.url.hint') }),
        h('div', { class: 'fields' },
          field({ name: 'provider', label: t('new.provider'), control: provider }),
          field({ name: 'owner', label: t('new.owner'), control: owner }),
          field({ name: 'repo', label: t('new.repo'), control: repo })),
        field({ name: 'description', label: t('new.description'), control: description, isOptional: true })),
      h('section', { class: 'panel' }, trigger.element),
      h('section', { class: 'panel form-section' },
        h('h2', {}, t('new.secrets')),
        h('p', { class: 'hint' }, t('new.secrets.hint')),
        secrets.element),
      h('div', { class: 'actions' },
        h('button', { class: 'button primary', type: 'submit' }, t('new.submit')),
        h('a', { class: 'button', href: '/' }, t('action.cancel')))));
  return root;
}

/** The webhook's secret is in no other answer, so it is shown until the page is left. */
function result(created, name) {
  const { webhook } = created;
  return [
    h('div', { class: 'page-head' }, h('h1', { tabindex: '-1' }, icon('success', 'state-success'), ' ', visible(t('new.created', { name })))),
    h('section', { class: 'panel stack' },
      h('h2', {}, t('new.webhook')),
      h('p', { class: 'muted' }, t(webhook.isInstalled ? 'new.webhook.installed' : 'new.webhook.manual')),
      webhook.problem && h('div', { class: 'note warn' }, icon('warning'), h('span', {}, sentence(t('new.webhook.problem', { problem: webhook.problem })))),
      copyField({ label: t('new.webhook.url'), value: webhook.url }),
      copyField({ label: t('new.webhook.secret'), value: created.webhookSecret }),
      h('div', { class: 'note' }, icon('info'), t('new.webhook.once'))),
    h('div', { class: 'actions after' },
      h('a', { class: 'button primary', href: `/applications/${created.id}` }, t('new.go')),
      h('a', { class: 'button', href: '/applications/new' }, t('new.another'))),
  ];
}
