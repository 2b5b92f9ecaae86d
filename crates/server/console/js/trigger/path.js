/**
 * Where in a trigger a field of its form stands: `push.branches.include`, `events[0].filter`.
 */

import { field, setFieldError } from '../components/field.js';
import { errorText } from '../components/error-panel.js';
import { h } from '../lib/dom.js';
import { t } from '../lib/i18n.js';

/**
 * A field at a place in the trigger.
 *
 * @param {string} path below what is around it
 * @param {Object} options of `field`
 * @returns {HTMLElement}
 */
export function fieldAt(path, options) {
  const element = field(options);
  element.dataset.path = path;
  return element;
}

/**
 * Shows an error at the field that it is about.
 *
 * @param {HTMLElement} root the form
 * @param {string} path what the server says, below the provider
 * @param {Error} error
 * @returns {boolean} whether there is such a field
 */
export function placeError(root, path, error) {
  let best = null;
  for (const element of root.querySelectorAll('.field[data-path]')) {
    const own = pathOf(element, root);
    const isAround = path === own || path.startsWith(`${own}.`) || path.startsWith(`${own}[`);
    if (isAround && own.length > (best?.own.length ?? 0)) {
      best = { element, own };
    }
  }
  if (!best) {
    return false;
  }
  for (let around = best.element.parentElement; around && around !== root; around = around.parentElement) {
    if (around instanceof HTMLDetailsElement) {
      around.open = true;
    }
    around.hidden = false;
  }
  setFieldError(best.element, errorText(error));
  best.element.querySelector('input, select, textarea')?.focus();
  return true;
}

function pathOf(element, root) {
  const parts = [];
  for (let at = element; at && at !== root; at = at.parentElement) {
    if (at.dataset.path) {
      parts.unshift(at.dataset.path);
    }
  }
  return parts.join('.').replaceAll('.[', '[');
}

/**
 * A box for lines of text.
 *
 * @param {Array<string>} [lines]
 * @param {Object} [props]
 * @returns {HTMLTextAreaElement}
 */
export function linesInput(lines = [], props = {}) {
  return h('textarea', { class: 'code short', rows: 2, spellcheck: 'false', autocapitalize: 'none', value: lines.join('\n'), ...props });
}

/**
 * @param {HTMLTextAreaElement} control
 * @returns {Array<string>} its lines without empty ones
 */
export function linesOf(control) {
  return control.value.split('\n').map((it) => it.trim()).filter(Boolean);
}

/**
 * A line of text that is code.
 *
 * @param {string} [value]
 * @param {Object} [props]
 * @returns {HTMLInputElement}
 */
export function codeInput(value = '', props = {}) {
  return h('input', { type: 'text', class: 'code', autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false', value, ...props });
}

/**
 * Which pipeline file, and which files of a push: what rules say beside what they match.
 *
 * @param {Object} rule
 * @param {{hasPaths: boolean}} options
 * @returns {{element: HTMLElement, value: function(): Object}}
 */
export function moreOf(rule, { hasPaths }) {
  const template = codeInput(rule.template, { placeholder: 'serverless-pipeline.yaml' });
  const paths = linesInput(rule.paths, { placeholder: 'src/**' });
  const ignored = linesInput(rule['paths-ignore'], { placeholder: '**/*.md' });
  const isUsed = Boolean(rule.template || rule.paths?.length || rule['paths-ignore']?.length);
  const templateField = fieldAt('template', { label: t('trigger.template'), control: template, hint: t('trigger.template.hint'), isOptional: true });
  const element = hasPaths
    ? h('details', { class: 'sub', open: isUsed },
      h('summary', {}, t('trigger.more')),
      h('div', { class: 'stack' }, templateField,
        h('div', { class: 'fields' },
          fieldAt('paths', { label: t('trigger.paths'), control: paths, hint: t('trigger.paths.hint') }),
          fieldAt('paths-ignore', { label: t('trigger.pathsIgnore'), control: ignored, hint: t('trigger.pathsIgnore.hint') }))))
    : templateField;
  function value() {
    return {
      ...(template.value.trim() ? { template: template.value.trim() } : {}),
      ...(linesOf(paths).length ? { paths: linesOf(paths) } : {}),
      ...(linesOf(ignored).length ? { 'paths-ignore': linesOf(ignored) } : {}),
    };
  }
  return { element, value };
}
