/**
 * `/applications/ID/settings`: what an application is, what starts it and what its pipelines are given.
 */

import { h } from '../../lib/dom.js';
import { dangerPart } from './settings/danger.js';
import { generalPart } from './settings/general.js';
import { secretsPart } from './settings/secrets.js';
import { triggerPart } from './settings/trigger.js';
import { variablesPart } from './settings/variables.js';
import { webhookPart } from './settings/webhook.js';

/**
 * @param {Object} page
 * @param {Object} application
 * @returns {Promise<Node>}
 */
export default async function settingsTab(page, application) {
  return h('div', { class: 'parts' },
    [triggerPart, webhookPart, secretsPart, variablesPart, generalPart, dangerPart].map((part) =>
      h('section', { class: 'part' }, part(application, page))));
}
