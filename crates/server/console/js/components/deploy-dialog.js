/**
 * The dialog that starts a deployment.
 */

import { get, onceKey, post } from '../lib/api.js';
import { freshId, h } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { deployInputs } from './deploy-inputs.js';
import { openDialog } from './dialog.js';
import { checkbox, field, FieldError, form } from './field.js';

const SUGGESTIONS_FROM = 50;

/**
 * Opens the dialog.
 *
 * @param {Object} application
 * @param {{onDone: function(string): void}} options told the id of the new task
 */
export function openDeployDialog(application, { onDone }) {
  const key = onceKey();
  const listId = freshId('refs');
  const suggestions = h('datalist', { id: listId });
  const kind = h('select', {},
    h('option', { value: 'heads' }, t('deploy.kind.branch')),
    h('option', { value: 'tags' }, t('deploy.kind.tag')));
  const ref = h('input', { type: 'text', list: listId, autocomplete: 'off', spellcheck: 'false', autocapitalize: 'none',
    value: shortRef(application.latest_task?.ref) || 'main', autofocus: true });
  const commit = h('input', { type: 'text', class: 'code', autocomplete: 'off', spellcheck: 'false', placeholder: 'HEAD' });
  const inputs = deployInputs(application);
  const debug = checkbox({ label: t('deploy.debug'), hint: t('deploy.debug.hint') });
  if (application.latest_task?.ref?.startsWith('refs/tags/')) {
    kind.value = 'tags';
  }
  suggest(application, suggestions);
  const askForInputs = () => {
    const [name, id] = [ref.value.trim(), commit.value.trim()];
    if (name && (!id || isCommit(id))) {
      inputs.ask(fullRef(name, kind.value), id ? { commitId: id.toLowerCase() } : {});
    }
  };
  [kind, ref, commit].forEach((control) => control.addEventListener('change', askForInputs));
  askForInputs();

  const dialog = openDialog({
    title: t('deploy.title', { name: application.repo_name }),
    content: form({
      submit: async () => {
        const { taskId } = await post('/dispatch/manual', {
          appId: application.id,
          ref: fullRef(ref.value.trim(), kind.value),
          ...commitOf(commit.value.trim()),
          ...inputs.value(),
          useDebug: debug.querySelector('input').checked,
        }, { key });
        dialog.close();
        onDone(taskId);
      },
    },
    h('div', { class: 'ref-fields' },
      field({ label: t('deploy.kind'), control: kind }),
      field({ name: 'ref', label: t('deploy.ref'), control: ref, hint: t('deploy.ref.hint') })),
    suggestions,
    field({ name: 'commitId', label: t('deploy.commit'), control: commit, hint: t('deploy.commit.hint'), isOptional: true }),
    inputs.element,
    debug,
    h('div', { class: 'actions end' },
      h('button', { class: 'button', type: 'button', onclick: () => dialog.close() }, t('action.cancel')),
      h('button', { class: 'button primary', type: 'submit' }, t('deploy.submit')))),
  });
}

/** The refs of the last deployments, and the branches and tags of the repository, the default branch first. */
async function suggest(application, list) {
  const names = new Set();
  const add = (found) => found.filter((it) => it && !names.has(it)).forEach((it) => {
    names.add(it);
    list.append(h('option', { value: it }));
  });
  const deployed = get('/task/list', { appId: application.id, limit: SUGGESTIONS_FROM })
    .then(({ result }) => add(result.map((task) => shortRef(task.ref))));
  const there = get('/application/refs', { appId: application.id })
    .then(({ branches, tags }) => add([...branches, ...tags].map((it) => it.name)));
  // Without suggestions one types.
  await Promise.allSettled([deployed, there]);
}

function shortRef(ref) {
  return /^refs\/(?:heads|tags)\/(.+)$/.exec(ref ?? '')?.[1] ?? '';
}

function fullRef(text, kind) {
  if (!text) {
    throw new FieldError('ref', t('deploy.ref.missing'));
  }
  return text.startsWith('refs/') ? text : `refs/${kind}/${text}`;
}

function isCommit(text) {
  return /^([0-9a-f]{40}|[0-9a-f]{64})$/i.test(text);
}

function commitOf(text) {
  if (text && !isCommit(text)) {
    throw new FieldError('commitId', t('deploy.commit.bad'));
  }
  return text ? { commitId: text.toLowerCase() } : {};
}
