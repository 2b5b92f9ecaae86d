/**
 * `/settings/users`
 */

import { h } from '../../lib/dom.js';
import { t } from '../../lib/i18n.js';

export default async function usersTab() {
  return h('section', { class: 'panel' }, h('h2', {}, t('settings.users')));
}
