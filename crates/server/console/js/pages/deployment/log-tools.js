/**
 * The tools above the steps: the search of all logs, folding, following.
 */

import { checkbox } from '../../components/field.js';
import { errorToast } from '../../components/toast.js';
import { h, icon } from '../../lib/dom.js';
import { formatNumber, t } from '../../lib/i18n.js';
import { searchLogs } from '../../log/search.js';

const TYPING_MS = 250;

/**
 * @param {{sections: function(): Array<StepSection>, signal: AbortSignal, onFollow: function(boolean): void,
 *   onTouched: function(): void, hasTimes: boolean, onTimes: function(boolean): void}} options
 * @returns {{element: HTMLElement, setFollowing: function(?boolean): void}} `null` takes the switch away
 */
export function logTools({ sections, signal, onFollow, onTouched, hasTimes, onTimes }) {
  const input = h('input', { type: 'search', placeholder: t('log.search'), 'aria-label': t('log.search'), spellcheck: 'false',
    'aria-keyshortcuts': '/', oninput: typed, onkeydown: pressed });
  const count = h('span', { class: 'search-count', role: 'status', 'aria-live': 'polite' });
  const step = (name, label, by) => h('button', { class: 'icon-button', type: 'button', title: label, 'aria-label': label,
    onclick: () => go(by) }, icon(name));
  const follow = checkbox({ label: t('log.follow'), checked: true, onchange: onFollow });
  const all = (isUnfolded) => {
    onTouched();
    sections().forEach((section) => section.fold(isUnfolded));
  };
  const element = h('div', { class: 'log-tools' },
    h('h2', {}, t('deployment.steps')),
    follow,
    checkbox({ label: t('log.times'), checked: hasTimes, onchange: onTimes }),
    h('span', { class: 'log-search' },
      h('span', { class: 'search' }, icon('search'), input, h('kbd', {}, '/')),
      step('up', t('log.previous'), -1), step('down', t('log.next'), 1), count),
    h('button', { class: 'icon-button', type: 'button', title: t('log.unfoldAll'), 'aria-label': t('log.unfoldAll'), onclick: () => all(true) }, icon('unfold')),
    h('button', { class: 'icon-button', type: 'button', title: t('log.foldAll'), 'aria-label': t('log.foldAll'), onclick: () => all(false) }, icon('fold')));

  let found = { query: '', matches: [], isCut: false, at: -1 };
  let search = new AbortController();
  let timer;

  function typed() {
    clearTimeout(timer);
    timer = setTimeout(() => begin().catch((error) => signal.aborted || errorToast(error)), TYPING_MS);
  }

  function pressed(event) {
    if (event.key === 'Enter') {
      event.preventDefault();
      go(event.shiftKey ? -1 : 1);
    } else if (event.key === 'Escape') {
      input.value = '';
      typed();
    }
  }

  async function begin() {
    search.abort();
    search = new AbortController();
    const mine = search;
    signal.addEventListener('abort', () => mine.abort(), { once: true });
    found = { query: input.value.toLowerCase(), matches: [], isCut: false, at: -1 };
    sections().forEach((section) => section.view.mark(found.query, -1));
    if (!found.query) {
      count.textContent = '';
      return;
    }
    count.textContent = t('log.searching');
    onTouched();
    const show = (matches) => {
      if (mine.signal.aborted) {
        return;
      }
      found.matches = matches;
      if (found.at < 0 && matches.length > 0) {
        go(1);
      } else if (matches.length > 0) {
        tell();
      }
    };
    const { matches, isCut } = await searchLogs(sections(), found.query, { signal: mine.signal, onFound: show });
    found.isCut = isCut;
    show(matches);
    if (!mine.signal.aborted && matches.length === 0) {
      count.textContent = t('log.notFound');
    }
  }

  function go(by) {
    const n = found.matches.length;
    if (n === 0) {
      return;
    }
    found.at = found.at < 0 ? 0 : (found.at + by + n) % n;
    const { log, row } = found.matches[found.at];
    sections().forEach((section) => section.view.mark(found.query, section === log ? row : -1));
    log.fold(true);
    log.view.scrollToRow(row);
    log.element.scrollIntoView({ block: 'nearest' });
    tell();
  }

  function tell() {
    count.textContent = t(found.isCut ? 'log.foundMany' : 'log.found', {
      n: formatNumber(found.at + 1), all: formatNumber(found.matches.length),
    });
  }

  return {
    element,
    setFollowing(isFollowing) {
      follow.hidden = isFollowing === null;
      follow.querySelector('input').checked = Boolean(isFollowing);
    },
  };
}
