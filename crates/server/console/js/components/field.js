/**
 * Forms: labelled fields, and a form that sends itself once and says what is wrong where it is wrong.
 */

import { fill, freshId, h, icon, sentence } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { beginSaving, endSaving, watchForm } from '../lib/unsaved.js';
import { errorNote, errorText } from './error-panel.js';

/**
 * A control with its label, its hint and its error.
 *
 * @param {{label: string, control: HTMLElement, hint?: string|Node|Array, name?: string, isOptional?: boolean}} options
 *   `name` is the field's name in the API: the server's errors about it are shown here
 * @returns {HTMLElement}
 */
export function field({ label, control, hint, name, isOptional }) {
  const id = control.id || freshId('field');
  const hintId = `${id}-hint`;
  const errorId = `${id}-error`;
  control.id = id;
  control.setAttribute('aria-describedby', [hint && hintId, errorId].filter(Boolean).join(' '));
  return h('div', { class: 'field', 'data-field': name },
    h('label', { for: id }, label, isOptional && h('span', { class: 'optional' }, t('form.optional'))),
    control,
    hint && h('div', { class: 'hint', id: hintId }, hint),
    h('div', { class: 'field-error', id: errorId, 'aria-live': 'polite' }));
}

/**
 * Says at a field what is wrong with it; an empty text takes it back.
 *
 * @param {HTMLElement} element what `field` has made
 * @param {string} text
 */
export function setFieldError(element, text) {
  const control = element.querySelector('input, select, textarea');
  const error = element.querySelector('.field-error');
  if (text) {
    control?.setAttribute('aria-invalid', 'true');
    // Where it stands is where it is said.
    const message = text.replace(/^`[\w.[\]-]+`: /, '');
    fill(error, icon('failure'), h('span', {}, sentence(message)));
  } else {
    control?.removeAttribute('aria-invalid');
    fill(error);
  }
}

/**
 * A choice of one among a few, all of them in sight.
 *
 * @param {{label: string, name: string, value: string, options: Array<{value: string, label: string, hint?: string}>,
 *   onchange?: function(string): void}} options
 * @returns {HTMLElement}
 */
export function radios({ label, name, value, options, onchange }) {
  return h('fieldset', { class: 'radios' },
    h('legend', {}, label),
    options.map((option) => h('label', { class: 'radio' },
      h('input', { type: 'radio', name, value: option.value, checked: option.value === value,
        onchange: () => onchange?.(option.value) }),
      h('span', {}, option.label, option.hint && h('span', { class: 'hint' }, option.hint)))));
}

/**
 * A switch with its label beside it.
 *
 * @param {{label: string, hint?: string, checked?: boolean, onchange?: function(boolean): void}} options
 * @returns {HTMLElement} whose `input` is its control
 */
export function checkbox({ label, hint, checked = false, onchange }) {
  return h('label', { class: 'check' },
    h('input', { type: 'checkbox', checked, onchange: (event) => onchange?.(event.target.checked) }),
    h('span', {}, label, hint && h('span', { class: 'hint' }, hint)));
}

/**
 * A form. While `submit` runs it cannot be sent again; what it throws is shown, at the field that it names.
 *
 * @param {{submit: function(): Promise<void|false>, class?: string, label?: string, isPassing?: boolean}} options `submit`
 *   gives `false` when it has shown by itself why nothing was saved; what is in a form that `isPassing` may be lost
 * @param {...*} children among them the button of type `submit`
 * @returns {HTMLFormElement}
 */
export function form({ submit, class: className, label, isPassing = false }, ...children) {
  const problem = h('div', { class: 'form-problem' });
  const element = h('form', { class: className, novalidate: true, 'aria-label': label, onsubmit: send }, children);
  element.insertBefore(problem, element.querySelector(':scope > .actions'));
  if (!isPassing) {
    watchForm(element);
  }

  async function send(event) {
    event.preventDefault();
    const buttons = [...element.querySelectorAll('button[type="submit"]')];
    if (element.dataset.busy) {
      return;
    }
    fill(problem);
    element.querySelectorAll('.field').forEach((it) => setFieldError(it, ''));
    element.dataset.busy = 'true';
    buttons.forEach((button) => button.setAttribute('aria-busy', 'true'));
    const sent = beginSaving(element);
    let isSaved = false;
    try {
      isSaved = await submit() !== false;
    } catch (error) {
      showProblem(error);
    } finally {
      endSaving(element, sent, isSaved);
      delete element.dataset.busy;
      buttons.forEach((button) => button.removeAttribute('aria-busy'));
    }
  }

  function showProblem(error) {
    const name = error.field?.split(/[.[]/)[0];
    const at = name && [...element.querySelectorAll('.field')].find((it) => it.dataset.field === name);
    if (at) {
      setFieldError(at, errorText(error));
      at.querySelector('input, select, textarea')?.focus();
    } else {
      fill(problem, errorNote(error));
    }
  }
  return element;
}

/** What a form throws when a field is wrong before anything is sent. */
export class FieldError extends Error {
  /**
   * @param {string} name the `name` of the field
   * @param {string} message
   */
  constructor(name, message) {
    super(message);
    this.field = name;
  }
}
