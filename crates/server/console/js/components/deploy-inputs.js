/**
 * The inputs of a deployment: a field for each one that the pipeline declares, or else JSON.
 */

import { get } from '../lib/api.js';
import { fill, h } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { field, FieldError } from './field.js';

/**
 * The part of a form that takes inputs.
 *
 * @param {Object} application
 * @returns {{element: HTMLElement, value: function(): Object, ask: function(string, Object): Promise<void>}} `value`
 *   gives `{inputs}`, or `{}` for none; `ask` looks for what the pipeline of a ref declares
 */
export function deployInputs(application) {
  const element = h('div', {});
  let controls = null;
  let asked = 0;
  const json = h('textarea', { class: 'code', rows: 3, spellcheck: 'false', placeholder: '{"target": "staging"}' });
  const showJson = () => {
    controls = null;
    fill(element, field({ name: 'inputs', label: t('deploy.inputs'), control: json, hint: t('deploy.inputs.hint'), isOptional: true }));
  };
  const showFields = (specs) => {
    controls = specs.map((spec) => ({ spec, control: control(spec) }));
    fill(element, controls.map(({ spec, control: it }) => field({
      name: `inputs.${spec.name}`, label: spec.name, control: it, hint: spec.description, isOptional: !isNeeded(spec),
    })));
  };
  showJson();
  return {
    element,
    value: () => (controls ? typed(controls) : parsed(json.value.trim())),
    ask: async (ref, commit) => {
      asked += 1;
      const mine = asked;
      let specs = null;
      try {
        ({ inputs: specs } = await get('/application/pipeline', { appId: application.id, ref, ...commit }));
      } catch {
        // What is wrong with the ref is said when it is deployed.
      }
      if (mine !== asked) {
        return;
      }
      if (specs?.length > 0) {
        showFields(specs);
      } else if (controls) {
        showJson();
      }
    },
  };
}

function isNeeded(spec) {
  return spec.required && spec.default === undefined;
}

function control(spec) {
  const preset = spec.default === undefined ? '' : String(spec.default);
  switch (spec.type) {
    case 'number':
      return h('input', { type: 'number', step: 'any', value: preset });
    case 'boolean':
      return choices(['true', 'false'], preset, isNeeded(spec));
    case 'choice':
      return choices(spec.options, preset, isNeeded(spec));
    default:
      return h('input', { type: 'text', value: preset, autocomplete: 'off', spellcheck: 'false' });
  }
}

function choices(options, preset, isRequired) {
  const shown = preset || isRequired ? options : ['', ...options];
  const select = h('select', {}, shown.map((option) => h('option', { value: option }, option)));
  select.value = preset || shown[0];
  return select;
}

function typed(controls) {
  const inputs = {};
  for (const { spec, control: { value } } of controls) {
    if (value !== '') {
      inputs[spec.name] = convert(spec.type, value);
    } else if (isNeeded(spec)) {
      throw new FieldError(`inputs.${spec.name}`, t('deploy.inputs.missing'));
    }
  }
  return Object.keys(inputs).length > 0 ? { inputs } : {};
}

function convert(type, value) {
  switch (type) {
    case 'number':
      return Number(value);
    case 'boolean':
      return value === 'true';
    default:
      return value;
  }
}

function parsed(text) {
  if (!text) {
    return {};
  }
  try {
    const inputs = JSON.parse(text);
    if (typeof inputs === 'object' && inputs && !Array.isArray(inputs)) {
      return { inputs };
    }
    throw new Error(text.slice(0, 40));
  } catch (error) {
    throw new FieldError('inputs', t('deploy.inputs.bad', { reason: error.message }));
  }
}
