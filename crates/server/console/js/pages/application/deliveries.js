/**
 * `/applications/ID/deliveries`: what came in, and what was made of it.
 */

import { h } from '../../lib/dom.js';
import { t } from '../../lib/i18n.js';

/**
 * @param {Object} page
 * @param {Object} application
 * @returns {Promise<Node>}
 */
export default async function deliveriesTab(page, application) {
  return h('section', { class: 'panel', 'data-app': application.id }, h('h2', {}, t('app.deliveries')));
}
