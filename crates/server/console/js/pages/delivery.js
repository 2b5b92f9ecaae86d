/**
 * `/applications/ID/deliveries/ID`: one delivery.
 */

import { get } from '../lib/api.js';
import { foreign, h } from '../lib/dom.js';
import { t } from '../lib/i18n.js';

export default async function deliveryPage(page) {
  const delivery = await get('/deliveries/get', { deliveryId: page.params.delivery }, { signal: page.signal });
  page.title(t('app.deliveries'));
  return h('section', { class: 'panel' },
    h('h1', {}, t('app.deliveries')),
    h('p', {}, foreign(delivery.reason)));
}
