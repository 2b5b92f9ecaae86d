/**
 * `/settings/secrets`: what the pipelines of all one's applications are given.
 */

import { secretList } from '../../components/secret-list.js';
import { partHead } from '../../components/thing.js';
import { get, post } from '../../lib/api.js';
import { h } from '../../lib/dom.js';
import { t } from '../../lib/i18n.js';

export default async function secretsTab(page) {
  async function names() {
    const { secrets } = await get('/user/globalSecrets', null, { signal: page.signal });
    return Object.keys(secrets);
  }
  const { list, button } = secretList({
    label: t('settings.secrets'),
    names: await names(),
    empty: t('secrets.empty'),
    set: (name, value) => post('/user/addOrCompileSecrets', { data: { secrets: { [name]: value }, isAdd: true } }),
    drop: (name) => post('/user/addOrCompileSecrets', { data: { secrets: {}, isAdd: true, remove: [name] } }),
    reload: names,
  });
  return h('section', {},
    partHead({ title: t('settings.secrets'), hint: t('secrets.global.hint'), tools: button }),
    list);
}
