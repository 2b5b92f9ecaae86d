/**
 * `/settings/about`: one's own account, and which flowcd this is.
 */

import { field, FieldError, form } from '../../components/field.js';
import { partHead } from '../../components/thing.js';
import { toast } from '../../components/toast.js';
import { post } from '../../lib/api.js';
import { foreign, h, icon } from '../../lib/dom.js';
import { t } from '../../lib/i18n.js';
import { currentUser, reloadUser } from '../../lib/session.js';

const MIN_PASSWORD_CHARS = 10;

export default async function aboutTab(page) {
  const answer = await fetch('/version', { signal: page.signal });
  const { version, commit } = await answer.json();
  return h('div', {},
    h('section', { class: 'part' },
      partHead({ title: t('settings.about') }),
      h('div', { class: 'panel stack' },
        h('dl', { class: 'facts' },
          h('div', {}, h('dt', {}, t('about.version')), h('dd', {}, version)),
          h('div', {}, h('dt', {}, t('about.commit')), h('dd', {}, h('code', {}, commit))),
          h('div', {}, h('dt', {}, t('about.server')), h('dd', {}, location.origin))),
        h('p', { class: 'row-line' },
          h('a', { href: '/docs/' }, t('about.docs')),
          h('a', { href: '/openapi.json', target: '_blank' }, 'openapi.json')))),
    h('section', { class: 'part' },
      partHead({ title: t('about.password') }),
      passwordForm()));
}

function passwordForm() {
  const password = (autocomplete) => h('input', { type: 'password', autocomplete, required: true });
  const old = password('current-password');
  const fresh = password('new-password');
  const again = password('new-password');
  return form({
    class: 'panel stack narrow',
    label: t('about.password'),
    submit: async () => {
      if (!old.value) {
        throw new FieldError('oldPassword', t('login.password.missing'));
      }
      if ([...fresh.value].length < MIN_PASSWORD_CHARS) {
        throw new FieldError('newPassword', t('password.short', { n: MIN_PASSWORD_CHARS }));
      }
      if (fresh.value !== again.value) {
        throw new FieldError('again', t('password.different'));
      }
      await post('/user/changePassword', { oldPassword: old.value, newPassword: fresh.value });
      [old, fresh, again].forEach((it) => {
        it.value = '';
      });
      // The session may be another one from here on.
      await reloadUser();
      toast(t('password.changed'));
    },
  },
  h('p', { class: 'row-line' }, icon('user'), foreign(currentUser()?.username)),
  field({ name: 'oldPassword', label: t('password.old'), control: old }),
  field({ name: 'newPassword', label: t('password.new'), control: fresh, hint: t('password.hint', { n: MIN_PASSWORD_CHARS }) }),
  field({ name: 'again', label: t('password.again'), control: again }),
  h('div', { class: 'actions' }, h('button', { class: 'button primary', type: 'submit' }, t('password.change'))));
}
