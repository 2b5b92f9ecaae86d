/**
 * Paths to pages. A page is a module with a default export `async (page) => Node`; see README.md beside `index.html`.
 */

import { errorPanel } from '../components/error-panel.js';
import { isAskingToLeave, mayLeave } from '../components/leave-dialog.js';
import { fill, h, visibleText } from './dom.js';
import { t } from './i18n.js';
import { unsavedForms } from './unsaved.js';

const ID = '([0-9A-Za-z]{8,64})';

/** Each route: its pattern, the names of what the pattern catches, its page, and the place in the navigation. */
const ROUTES = [
  route('/', [], () => import('../pages/applications.js'), 'applications'),
  route('/login', [], () => import('../pages/login.js'), null),
  route('/applications/new', [], () => import('../pages/new-application.js'), 'applications'),
  route(`/applications/${ID}(?:/(deliveries|settings))?`, ['id', 'tab'], () => import('../pages/application.js'), 'applications'),
  route(`/applications/${ID}/deliveries/${ID}`, ['id', 'delivery'], () => import('../pages/delivery.js'), 'applications'),
  route(`/deployments/${ID}`, ['id'], () => import('../pages/deployment.js'), 'applications'),
  route('/settings(?:/(tokens|providers|secrets|users|about))?', ['tab'], () => import('../pages/settings.js'), 'settings'),
];

/** A page that takes longer shows that it loads. */
const SHOW_LOADING_MS = 150;

let root = null;
let leave = new AbortController();
let onShown = () => {};
let shown = '';
/** The place of the present page in the history, and how many of our own steps in it are still to be told. */
let place = 0;
let ownSteps = 0;

function route(pattern, names, load, place) {
  return { pattern: new RegExp(`^${pattern}$`), names, load, place };
}

/**
 * Begins to show pages.
 *
 * @param {HTMLElement} element where
 * @param {function(?string): void} shownPlace told the place in the navigation of each page
 */
export function startRouter(element, shownPlace) {
  root = element;
  onShown = shownPlace;
  place = history.state?.place ?? 0;
  history.replaceState({ place }, '');
  addEventListener('popstate', changeAddress);
  document.addEventListener('click', followLink);
  return show();
}

/**
 * Goes to a page, unless somebody would lose what he typed and stays.
 *
 * @param {string} path with its query and fragment
 * @param {{isReplacing?: boolean, isAsking?: boolean}} [options] whether the present page is left out of the history, and
 *   whether it is asked
 */
export async function navigate(path, { isReplacing = false, isAsking = true } = {}) {
  if (isAsking && !await mayLeave()) {
    return;
  }
  place += isReplacing ? 0 : 1;
  history[isReplacing ? 'replaceState' : 'pushState']({ place }, '', path);
  await show();
}

/** The browser has gone back or forth: the address is another one already. */
async function changeAddress() {
  if (ownSteps > 0) {
    ownSteps -= 1;
    return;
  }
  // Another fragment is another place on the same page.
  if (location.pathname + location.search === shown) {
    place = history.state?.place ?? place + 1;
    history.replaceState({ place }, '');
    return;
  }
  const target = history.state?.place ?? place - 1;
  if (unsavedForms().length > 0 && target !== place) {
    // The address of the page that is still there comes back, until it is clear which one it is to be.
    const steps = target - place;
    go(-steps);
    if (isAskingToLeave() || !await mayLeave()) {
      return;
    }
    await go(steps);
  }
  place = target;
  await show();
}

/** Goes through the history without a change of the page. */
function go(steps) {
  ownSteps += 1;
  return new Promise((resolve) => {
    addEventListener('popstate', resolve, { once: true });
    history.go(steps);
  });
}

/** Shows the present page anew. */
export function refresh() {
  return show({ isSamePage: true });
}

/**
 * Whether a path is a page of the console.
 *
 * @param {string} path
 * @returns {boolean}
 */
export function isPage(path) {
  return ROUTES.some(({ pattern }) => pattern.test(path));
}

function followLink(event) {
  const link = event.target.closest?.('a[href]');
  const isPlain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  if (!link || !isPlain || event.defaultPrevented || link.target || link.hasAttribute('download')) {
    return;
  }
  const url = new URL(link.href);
  if (url.origin !== location.origin || !isPage(url.pathname)) {
    return;
  }
  if (url.pathname === location.pathname && url.search === location.search && url.hash) {
    return;
  }
  event.preventDefault();
  navigate(url.pathname + url.search + url.hash);
}

async function show({ isSamePage = false } = {}) {
  leave.abort();
  leave = new AbortController();
  const { signal } = leave;
  const path = location.pathname;
  shown = path + location.search;
  const found = ROUTES.find(({ pattern }) => pattern.test(path));
  onShown(found?.place ?? null);
  const loading = setTimeout(() => {
    root.setAttribute('aria-busy', 'true');
  }, SHOW_LOADING_MS);
  let content;
  try {
    content = found ? await load(found, path, signal) : notFound();
  } catch (error) {
    if (signal.aborted) {
      return;
    }
    setTitle(t('error.title'));
    content = errorPanel(error, () => refresh());
  } finally {
    clearTimeout(loading);
  }
  if (signal.aborted) {
    return;
  }
  root.removeAttribute('aria-busy');
  fill(root, content);
  if (!isSamePage) {
    scrollTo(0, 0);
    (root.querySelector('[autofocus]') ?? root).focus({ preventScroll: true });
  }
}

async function load({ pattern, names, load: loadModule }, path, signal) {
  const caught = pattern.exec(path);
  const params = Object.fromEntries(names.map((name, place) => [name, caught[place + 1]]));
  let module;
  try {
    module = await loadModule();
  } catch (error) {
    // The server was replaced by another version, whose files have other addresses.
    if (!sessionStorage.getItem('flowcd.reloaded')) {
      sessionStorage.setItem('flowcd.reloaded', '1');
      location.reload();
      return new Promise(() => {});
    }
    throw error;
  }
  sessionStorage.removeItem('flowcd.reloaded');
  return module.default({
    params,
    query: new URLSearchParams(location.search),
    signal,
    title: setTitle,
    every: (ms, work) => every(ms, work, signal),
  });
}

/** Does something again and again until the page is left, but not while nobody looks. */
function every(ms, work, signal) {
  let timer = setTimeout(tick, delay());
  function delay() {
    return typeof ms === 'function' ? ms() : ms;
  }
  async function tick() {
    if (!document.hidden) {
      try {
        await work();
      } catch {
        // The banner tells of a lost connection; the next time may be better.
      }
    }
    if (!signal.aborted) {
      timer = setTimeout(tick, delay());
    }
  }
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) {
      clearTimeout(timer);
      tick();
    }
  }, { signal });
  signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
}

/**
 * Sets the title, and the picture beside it.
 *
 * @param {string} text
 * @param {'running'|'failure'|'success'} [state]
 */
export function setTitle(text, state) {
  const marks = { running: '● ', failure: '✕ ', success: '✓ ' };
  document.title = `${marks[state] ?? ''}${visibleText(text)} · flowcd`;
  const picture = document.querySelector('link[rel="icon"]');
  const name = state ? `favicon-${state}.svg` : 'favicon.svg';
  const url = new URL(`../../icons/${name}`, import.meta.url).pathname;
  if (picture && picture.getAttribute('href') !== url) {
    picture.setAttribute('href', url);
  }
}

function notFound() {
  setTitle(t('notFound.title'));
  return h('section', { class: 'panel centered' },
    h('h1', {}, t('notFound.title')),
    h('p', { class: 'muted' }, t('notFound.text')),
    h('a', { class: 'button', href: '/' }, t('nav.applications')));
}
