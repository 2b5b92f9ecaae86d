/**
 * The console's beginning: the language, the session, the frame of the page, and then the page itself.
 */

import { watchConnection } from './components/banner.js';
import { showHelp } from './components/help.js';
import { markPlace, showShell } from './components/shell.js';
import { loadLanguage } from './lib/i18n.js';
import { startKeys } from './lib/keys.js';
import { isPage, startRouter } from './lib/router.js';
import { startSession } from './lib/session.js';

async function start() {
  await loadLanguage();
  const user = await startSession();
  showShell();
  watchConnection();
  startKeys(showHelp);
  const isLogin = location.pathname === '/login';
  if (!user && !isLogin && isPage(location.pathname)) {
    const next = location.pathname + location.search + location.hash;
    history.replaceState(null, '', next === '/' ? '/login' : `/login?next=${encodeURIComponent(next)}`);
  } else if (user && isLogin) {
    history.replaceState(null, '', '/');
  }
  await startRouter(document.getElementById('page'), markPlace);
}

start().catch((error) => {
  document.getElementById('page').textContent = String(error);
});

