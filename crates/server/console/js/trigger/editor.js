/**
 * The editor of triggers: a form, or the same as YAML or JSON, and what the rules would do.
 */

import { setFieldError } from '../components/field.js';
import { errorText } from '../components/error-panel.js';
import { fill, h } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { isUnsaved, settleForm } from '../lib/unsaved.js';
import { explainPanel } from './explain.js';
import { triggerForm } from './form.js';
import { findPath, parseObject } from './json.js';
import { fieldAt, placeError } from './path.js';
import { findInYaml, readYaml, writeYaml } from './yaml.js';

/** How the API names what the editor holds. */
const NAMES = /^(?:trigger_spec|triggerSpec)(?:\.|$)/;

/**
 * @param {{provider: function(): string, trigger?: Object, application?: Object}} options `trigger` is that of the
 *   provider alone
 * @returns {{element: HTMLElement, value: function(): Promise<Object>, place: function(Error): boolean}} `value` gives a
 *   `trigger_spec`, or throws; `place` shows an error at the rule that it is about, and says whether there is one
 */
export function triggerEditor({ provider, trigger = {}, application }) {
  let form = triggerForm(trigger);
  let view = 'form';
  let text = null;
  const body = h('div', {});
  const problem = h('div', { class: 'field' }, h('div', { class: 'field-error', role: 'alert' }));
  const choice = h('div', { class: 'segments', role: 'group', 'aria-label': t('trigger.view') });
  const element = h('div', { class: 'stack trigger-editor' },
    choice, body, problem,
    explainPanel({ provider, spec: value, application, onError: place }));
  draw();

  function draw() {
    fill(choice, ['form', 'yaml', 'json'].map((it) => h('button', { class: 'button small', type: 'button',
      'aria-pressed': String(it === view), onclick: () => change(it) }, t(`trigger.view.${it}`))));
    fill(body, text === null
      ? form.element
      : fieldAt('', { label: t(`trigger.${view}`), control: text, hint: t(`trigger.${view}.hint`) }));
  }

  async function change(next) {
    if (next === view || body.inert) {
      return;
    }
    const around = element.closest('form');
    const wasUnsaved = isUnsaved(around);
    // What would be typed in the meantime would be lost.
    body.inert = true;
    try {
      const spec = await value();
      if (next === 'form') {
        form = triggerForm(spec[provider()] ?? {});
        text = null;
      } else {
        const written = next === 'yaml' ? await writeYaml(spec) : JSON.stringify(spec, null, 2);
        text = h('textarea', { class: 'code', rows: 18, spellcheck: 'false', autocapitalize: 'none', value: written });
      }
      view = next;
    } catch (error) {
      body.inert = false;
      show(error);
      return;
    }
    body.inert = false;
    draw();
    if (!wasUnsaved) {
      settleForm(around);
    }
    choice.querySelector('[aria-pressed="true"]').focus();
  }

  async function value() {
    clear();
    try {
      return text === null ? { [provider()]: form.value() } : await specOfText();
    } catch (error) {
      if (!NAMES.test(error.field ?? '') && error.isOfRules !== false) {
        // As the server names it.
        error.field = `trigger_spec.${text === null ? `${provider()}.` : ''}${error.field}`.replace(/\.$/, '');
      }
      throw error;
    }
  }

  async function specOfText() {
    const spec = view === 'yaml' ? await readYaml(text.value) : parseObject(text.value);
    // An empty object would leave the rules as they are.
    return Object.keys(spec).length === 0 ? { [provider()]: {} } : withoutMasks(spec);
  }

  function show(error) {
    if (!place(error)) {
      setFieldError(problem, errorText(error));
    }
  }

  function place(error) {
    if (!NAMES.test(error.field ?? '')) {
      return false;
    }
    const below = error.field.replace(NAMES, '');
    if (text !== null) {
      showInText(below, error);
    } else if (!placeError(body, below.replace(new RegExp(`^${provider()}(?:\\.|$)`), ''), error)) {
      setFieldError(problem, errorText(error));
      problem.scrollIntoView({ block: 'nearest' });
    }
    return true;
  }

  function showInText(path, error) {
    let message = errorText(error);
    text.focus();
    if (path || error.line) {
      const { offset, line } = placeInText(path, error.line);
      message = t('json.line', { line, message: message.replace(/^`[\w.[\]-]+`: /, '') });
      const end = text.value.indexOf('\n', offset);
      text.setSelectionRange(offset, end === -1 ? text.value.length : end);
    }
    setFieldError(body.querySelector('.field'), message);
  }

  function placeInText(path, line) {
    if (!line) {
      return (view === 'yaml' ? findInYaml : findPath)(text.value, path);
    }
    return { line, offset: text.value.split('\n').slice(0, line - 1).join('\n').length + (line > 1 ? 1 : 0) };
  }

  function clear() {
    setFieldError(problem, '');
    body.querySelectorAll('.field').forEach((it) => setFieldError(it, ''));
  }
  return { element, value, place };
}

/** What is shown as `***` stays on the server by itself. */
function withoutMasks(spec) {
  return Object.fromEntries(Object.entries(spec).map(([name, trigger]) => {
    const masked = ['secret', 'password'].filter((it) => trigger?.[it] === '***');
    return [name, masked.length > 0 ? Object.fromEntries(Object.entries(trigger).filter(([key]) => !masked.includes(key))) : trigger];
  }));
}
