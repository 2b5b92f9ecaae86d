/**
 * What an application is: its description, its repository, and how often that is looked at.
 */

import { field, FieldError, form } from '../../../components/field.js';
import { partHead } from '../../../components/thing.js';
import { toast } from '../../../components/toast.js';
import { post } from '../../../lib/api.js';
import { fill, foreign, h, icon, sentence } from '../../../lib/dom.js';
import { t, tn, tNodes } from '../../../lib/i18n.js';
import { ago } from '../../../lib/time.js';

const INTERVALS_S = [60, 300, 900, 3600, 21_600, 86_400];

/**
 * @param {Object} application
 * @returns {Array<Node>}
 */
export function generalPart(application) {
  const description = h('input', { type: 'text', maxlength: 1000, autocomplete: 'off', value: application.description ?? '' });
  const url = h('input', { type: 'text', class: 'code', autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false', value: application.repo_url });
  let now = application.poll_seconds ?? 0;
  const choices = [...new Set([0, ...INTERVALS_S, now])].sort((a, b) => a - b);
  const poll = h('select', {}, choices.map((it) => h('option', { value: it, selected: it === now }, intervalText(it))));
  return [
    partHead({ title: t('general.title') }),
    form({
      class: 'panel stack',
      label: t('general.title'),
      submit: async () => {
        if (!url.value.trim()) {
          throw new FieldError('repo_url', t('new.url.missing'));
        }
        await post('/application/update', {
          appId: application.id,
          description: description.value.trim(),
          ...(url.value.trim() === application.repo_url ? {} : { repo_url: url.value.trim() }),
          ...(Number(poll.value) === now ? {} : { poll_seconds: Number(poll.value) }),
        });
        application.description = description.value.trim();
        application.repo_url = url.value.trim();
        now = Number(poll.value);
        // Only this: what was typed elsewhere on the page stays.
        const head = document.querySelector('.app-description');
        fill(head, foreign(application.description));
        head.hidden = application.description === '';
        toast(t('form.saved'));
      },
    },
    field({ name: 'description', label: t('new.description'), control: description, isOptional: true }),
    field({ name: 'repo_url', label: t('new.url'), control: url, hint: t('new.url.hint') }),
    field({ name: 'poll_seconds', label: t('poll.title'), control: poll, hint: t('poll.hint') }),
    application.polled_time && h('p', { class: 'muted small' }, tNodes('poll.last', { time: ago(application.polled_time) })),
    application.poll_problem && h('div', { class: 'note warn' }, icon('warning'),
      h('span', {}, sentence(t('poll.problem', { problem: application.poll_problem })))),
    h('div', { class: 'actions' }, h('button', { class: 'button primary', type: 'submit' }, t('action.save')))),
  ];
}

function intervalText(seconds) {
  if (seconds === 0) {
    return t('poll.never');
  }
  if (seconds % 3600 === 0) {
    return tn('poll.hours', seconds / 3600);
  }
  return seconds % 60 === 0 ? tn('poll.minutes', seconds / 60) : tn('poll.seconds', seconds);
}
