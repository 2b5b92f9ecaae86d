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

/** The parts, by what an address can name after its `#`. */
const PARTS = {
  trigger: triggerPart,
  webhook: webhookPart,
  secrets: secretsPart,
  variables: variablesPart,
  general: generalPart,
  danger: dangerPart,
};

/**
 * @param {Object} page
 * @param {Object} application
 * @returns {Promise<Node>}
 */
export default async function settingsTab(page, application) {
  const parts = Object.entries(PARTS).map(([id, part]) => h('section', { class: 'part', id }, part(application)));
  const wanted = parts.find((it) => `#${it.id}` === location.hash);
  // The page begins at its top, so this comes after it is shown.
  requestAnimationFrame(() => requestAnimationFrame(() => !page.signal.aborted && wanted?.scrollIntoView()));
  return h('div', {}, parts);
}
