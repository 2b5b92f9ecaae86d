/**
 * What is deployed: the ref, the commit and its message, linked to the host where it is known.
 */

import { foreign, h, icon } from '../lib/dom.js';
import { commitUrl } from '../lib/git-host.js';
import { t } from '../lib/i18n.js';

/**
 * The first line of a message.
 *
 * @param {string} message
 * @returns {HTMLElement}
 */
export function firstLine(message) {
  const line = (message ?? '').trim().split('\n', 1)[0];
  return line ? foreign(line.slice(0, 300)) : h('span', { class: 'muted' }, t('commit.noMessage'));
}

/**
 * A branch, a tag or another ref.
 *
 * @param {string|undefined} ref the full name
 * @returns {HTMLElement|null}
 */
export function refLabel(ref) {
  if (!ref) {
    return null;
  }
  const isTag = ref.startsWith('refs/tags/');
  const isPull = /^refs\/(pull|merge-requests|pull-requests)\//.test(ref);
  const kind = isTag ? 'tag' : isPull ? 'pull' : 'branch';
  const name = ref.replace(/^refs\/(heads|tags)\//, '').replace(/^refs\//, '');
  return h('span', { class: 'ref', title: ref },
    icon(kind), h('span', { class: 'sr-only' }, t(`ref.${kind}`), ' '), foreign(name, { class: 'ellipsis' }));
}

/**
 * A commit, short.
 *
 * @param {string} commit
 * @param {{provider: string, repo_url: string}} [application] for the link
 * @returns {HTMLElement}
 */
export function commitLabel(commit, application) {
  if (!commit) {
    return h('span', { class: 'muted' }, t('commit.unknown'));
  }
  const text = h('code', { title: commit }, commit.slice(0, 8));
  const url = application && commitUrl(application, commit);
  return url
    ? h('a', { class: 'commit', href: url, target: '_blank', rel: 'noreferrer', 'aria-label': t('commit.link', { commit: commit.slice(0, 8) }) }, text)
    : h('span', { class: 'commit' }, text);
}
