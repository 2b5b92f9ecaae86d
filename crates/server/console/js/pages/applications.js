/**
 * `/`: the applications with their latest deployments.
 */

import { commitLabel, firstLine, refLabel } from '../components/commit.js';
import { commandBlock } from '../components/copy.js';
import { isFinal, statusIcon, taskState } from '../components/status.js';
import { get } from '../lib/api.js';
import { connectionChanged } from '../lib/connection.js';
import { fill, foreign, h, icon } from '../lib/dom.js';
import { formatNumber, t, tn } from '../lib/i18n.js';
import { ago, duration, taskSeconds, timeOfId } from '../lib/time.js';

const REFRESH_RUNNING_MS = 3000;
const REFRESH_MS = 15_000;
/** So many rows are shown at first, and more on demand. */
const ROWS = 100;
/** What is known of tasks that have ended does not change. */
const ended = new Map();

export default async function applicationsPage(page) {
  page.title(t('applications.title'));
  let applications = await get('/application/list', null, { signal: page.signal });
  let nRows = ROWS;
  const search = h('input', { type: 'search', placeholder: t('applications.search'), 'aria-label': t('applications.search'),
    value: page.query.get('q') ?? '', spellcheck: 'false', 'aria-keyshortcuts': '/', oninput: () => {
      nRows = ROWS;
      draw();
    } });
  const count = h('span', { class: 'muted small', 'aria-live': 'polite' });
  const list = h('ul', { class: 'rows', 'aria-label': t('applications.title') });
  const more = h('div', { class: 'more' });
  const watcher = detailWatcher(page.signal);

  const root = h('div', {},
    h('div', { class: 'page-head' },
      h('h1', {}, t('applications.title')),
      applications.length > 0 && h('div', { class: 'tools' },
        h('span', { class: 'search' }, icon('search'), search, h('kbd', {}, '/')),
        h('a', { class: 'button primary', href: '/applications/new' }, icon('plus'), t('applications.new')))));
  if (applications.length === 0) {
    root.append(emptyState());
  } else {
    root.append(list, more, count);
    draw();
  }

  function draw() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = applications.filter((it) => words.every((word) => searchText(it).includes(word)));
    found.sort((a, b) => lastTime(b) - lastTime(a));
    watcher.reset();
    fill(list, found.slice(0, nRows).map((it) => row(it, watcher)));
    fill(more, found.length > nRows && h('button', { class: 'button', type: 'button', onclick: () => {
      nRows += ROWS;
      draw();
    } }, t('action.more')));
    count.textContent = found.length === applications.length
      ? tn('applications.count', found.length)
      : t('applications.found', { n: formatNumber(found.length), all: formatNumber(applications.length) });
    if (found.length === 0) {
      fill(list, h('li', { class: 'empty-row muted' }, t('applications.noMatch')));
    }
  }

  async function reload() {
    const was = applications.length;
    applications = await get('/application/list', null, { signal: page.signal });
    if (was === 0 && applications.length > 0) {
      fill(root, await applicationsPage(page));
    } else if (applications.length > 0) {
      draw();
    }
  }
  const isAnyRunning = () => applications.some((it) => it.latest_task && !it.latest_task.completed);
  page.every(() => (isAnyRunning() ? REFRESH_RUNNING_MS : REFRESH_MS), reload);
  connectionChanged.listen((isLost) => isLost || reload().catch(() => {}), page.signal);
  return root;
}

function searchText(application) {
  const { latest_task: task } = application;
  return [application.owner, '/', application.repo_name, ' ', application.description, ' ', application.provider, ' ',
    task?.message, ' ', task?.ref, ' ', task?.commit, ' ', task?.status].join('').toLowerCase();
}

function lastTime(application) {
  const { latest_task: task } = application;
  return (task && timeOfId(task.taskId)) ?? application.created_time;
}

function row(application, watcher) {
  const task = application.latest_task;
  const who = h('span', { class: 'muted small row-extra' });
  const name = h('a', { class: 'row-title stretched', href: `/applications/${application.id}` },
    foreign(application.owner, { class: 'muted' }), h('span', { class: 'muted' }, '/'), foreign(application.repo_name));
  const element = h('li', { class: 'row' },
    task ? statusIcon(taskState(task)) : h('span', { class: 'status-icon state-none', title: t('applications.never') },
      icon('none'), h('span', { class: 'sr-only' }, t('applications.never'))),
    h('div', { class: 'row-main' },
      name,
      application.description && h('div', { class: 'muted small ellipsis' }, foreign(application.description))),
    task
      ? h('div', { class: 'row-detail' },
        h('a', { class: 'ellipsis raised message', href: `/deployments/${task.taskId}` }, firstLine(task.message)),
        h('div', { class: 'row-line small' }, refLabel(task.ref), commitLabel(task.commit, application)))
      : h('div', { class: 'row-detail muted small' }, t('applications.never')),
    h('div', { class: 'row-end small' },
      task && timeOfId(task.taskId) && ago(timeOfId(task.taskId)), who));
  if (task) {
    watcher.watch(element, task, (whole) => {
      const seconds = taskSeconds(whole);
      fill(who,
        whole.event?.pusher?.name && foreign(whole.event.pusher.name, { class: 'ellipsis' }),
        seconds !== null && h('span', { class: 'nowrap' }, duration(seconds)));
    });
  }
  return element;
}

/** Who and how long are facts of the task: they are asked for when a row comes into sight. */
function detailWatcher(signal) {
  const wanted = new Map();
  const observer = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((it) => it.isIntersecting)) {
      observer.unobserve(entry.target);
      load(wanted.get(entry.target));
    }
  }, { rootMargin: '100px' });
  signal.addEventListener('abort', () => observer.disconnect(), { once: true });

  async function load({ task, show }) {
    try {
      const whole = await get('/task/get', { taskId: task.taskId }, { signal });
      if (isFinal(whole.status)) {
        ended.set(whole.id, whole);
      }
      show(whole);
    } catch {
      // The row says the rest without it.
    }
  }
  return {
    reset() {
      observer.disconnect();
      wanted.clear();
    },
    watch(element, task, show) {
      if (ended.has(task.taskId)) {
        show(ended.get(task.taskId));
        return;
      }
      wanted.set(element, { task, show });
      observer.observe(element);
    },
  };
}

/** How the first application is made: here, with the command line, with the API. */
function emptyState() {
  const { origin } = location;
  return h('section', { class: 'panel empty' },
    icon('rocket', 'big accent'),
    h('h2', {}, t('applications.empty.title')),
    h('p', { class: 'muted' }, t('applications.empty.text')),
    h('a', { class: 'button primary', href: '/applications/new' }, icon('plus'), t('applications.new')),
    h('div', { class: 'commands' },
      commandBlock({
        label: t('applications.empty.cli'),
        text: `flowcd login ${origin}\nflowcd app create --provider github --owner OWNER --repo REPO \\\n  --repo-url https://github.com/OWNER/REPO.git`,
      }),
      commandBlock({
        label: t('applications.empty.curl'),
        text: `curl ${origin}/api/flow/application/create \\\n  -H "cd_token: $TOKEN" -H 'content-type: application/json' \\\n  -d '{"provider": "github", "owner": "OWNER", "repo": "REPO",\n       "repo_url": "https://github.com/OWNER/REPO.git", "trigger_spec": {}}'`,
      })),
    h('p', { class: 'muted small' }, h('a', { href: '/settings/tokens' }, t('applications.empty.token'))));
}
