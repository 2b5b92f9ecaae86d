/**
 * `/applications/ID/settings`: what an application is set to.
 */

import { h } from '../../lib/dom.js';
import { t } from '../../lib/i18n.js';

/**
 * @param {Object} page
 * @param {Object} application
 * @returns {Promise<Node>}
 */
export default async function settingsTab(page, application) {
  return h('section', { class: 'panel', 'data-app': application.id }, h('h2', {}, t('app.settings')));
}
