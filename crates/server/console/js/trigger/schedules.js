/**
 * A time to deploy at, again and again.
 */

import { FieldError } from '../components/field.js';
import { freshId, h } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { codeInput, fieldAt, linesInput, moreOf } from './path.js';

/**
 * @param {Object} rule
 * @returns {{element: HTMLElement, value: function(): Object}}
 */
export function scheduleEditor(rule) {
  const zones = h('datalist', { id: freshId('zones') },
    (Intl.supportedValuesOf?.('timeZone') ?? []).map((zone) => h('option', { value: zone })));
  const cron = codeInput(rule.cron, { placeholder: '30 4 * * mon-fri' });
  const timezone = codeInput(rule.timezone, { placeholder: 'UTC', list: zones.id });
  const ref = codeInput(rule.ref ?? 'refs/heads/main', { placeholder: 'refs/heads/main' });
  const missed = h('select', {},
    ['skip', 'run'].map((it) => h('option', { value: it, selected: it === (rule.missed ?? 'skip') }, t(`trigger.missed.${it}`))));
  const inputs = linesInput(rule.inputs ? [JSON.stringify(rule.inputs, null, 2)] : [], { placeholder: '{"target": "staging"}' });
  const more = moreOf(rule, { hasPaths: false });
  return {
    element: h('div', { class: 'stack' }, zones,
      h('div', { class: 'fields' },
        fieldAt('cron', { label: t('trigger.cron'), control: cron, hint: t('trigger.cron.hint') }),
        fieldAt('timezone', { label: t('trigger.timezone'), control: timezone, isOptional: true })),
      h('div', { class: 'fields' },
        fieldAt('ref', { label: t('trigger.ref'), control: ref, hint: t('trigger.ref.hint') }),
        fieldAt('missed', { label: t('trigger.missed'), control: missed })),
      fieldAt('inputs', { label: t('deploy.inputs'), control: inputs, hint: t('deploy.inputs.hint'), isOptional: true }),
      more.element),
    value: () => ({
      cron: cron.value.trim(),
      ...(timezone.value.trim() ? { timezone: timezone.value.trim() } : {}),
      ref: ref.value.trim(),
      ...more.value(),
      ...inputsOf(inputs.value.trim()),
      ...(missed.value === 'run' ? { missed: 'run' } : {}),
    }),
  };
}

function inputsOf(text) {
  if (!text) {
    return {};
  }
  try {
    return { inputs: JSON.parse(text) };
  } catch (error) {
    throw new FieldError('inputs', t('deploy.inputs.bad', { reason: error.message }));
  }
}
