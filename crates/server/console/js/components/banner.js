/**
 * The banner that says that the connection to the server is lost, and that it is back.
 */

import { connectionChanged } from '../lib/connection.js';
import { fill, h, icon } from '../lib/dom.js';
import { t } from '../lib/i18n.js';

const SHOW_BACK_MS = 4000;

/** Begins to tell. */
export function watchConnection() {
  const place = document.getElementById('banner');
  let timer;
  connectionChanged.listen((isLost) => {
    clearTimeout(timer);
    if (isLost) {
      fill(place, h('div', { class: 'banner lost' }, icon('spinner', 'spin'), t('connection.lost')));
    } else {
      fill(place, h('div', { class: 'banner back' }, icon('success'), t('connection.back')));
      timer = setTimeout(() => fill(place), SHOW_BACK_MS);
    }
  });
}
