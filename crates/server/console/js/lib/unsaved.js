/**
 * What is typed into forms and not saved yet.
 */

const CONTROLS = 'input, select, textarea';
/** What is only for looking at something: a search, a question about what is typed. */
const PASSING = '[type="search"], [data-passing] *';

/** Each form that is looked after, with what it held when it was made or saved last; `null` before it is touched. */
const held = new Map();
const touched = new WeakSet();

/**
 * Looks after a form as long as it is on the page.
 *
 * @param {HTMLFormElement} form
 */
export function watchForm(form) {
  // What a page sets by itself is no change, so the beginning is taken when somebody comes.
  const begin = () => held.get(form) ?? held.set(form, contentOf(form));
  for (const type of ['focusin', 'pointerdown']) {
    form.addEventListener(type, begin, { capture: true });
  }
  for (const type of ['input', 'change', 'click']) {
    form.addEventListener(type, () => touched.add(form), { capture: true });
  }
  held.set(form, null);
}

/**
 * What a form holds.
 *
 * @param {HTMLFormElement} form
 * @returns {string}
 */
export function contentOf(form) {
  const controls = [...form.querySelectorAll(CONTROLS)].filter((it) => !it.matches(PASSING));
  return JSON.stringify(controls.map((it) => (it.matches('[type="checkbox"], [type="radio"]') ? it.checked : it.value)));
}

/**
 * Says that what a form holds is no change: it is shown in another way.
 *
 * @param {?HTMLFormElement} form
 */
export function settleForm(form) {
  if (form && held.has(form)) {
    held.set(form, contentOf(form));
  }
}

/**
 * Says that a form is about to be saved.
 *
 * @param {HTMLFormElement} form
 * @returns {string} what it holds, for `endSaving`
 */
export function beginSaving(form) {
  touched.delete(form);
  return contentOf(form);
}

/**
 * Says how the saving went. What was typed meanwhile is not saved; what the page itself has emptied is no change.
 *
 * @param {HTMLFormElement} form
 * @param {string} sent what `beginSaving` told
 * @param {boolean} isSaved
 */
export function endSaving(form, sent, isSaved) {
  if (!isSaved) {
    touched.add(form);
  } else if (held.has(form)) {
    held.set(form, touched.has(form) ? sent : contentOf(form));
  }
}

/**
 * Whether something in a form would be lost.
 *
 * @param {?HTMLFormElement} form
 * @returns {boolean}
 */
export function isUnsaved(form) {
  const content = held.get(form) ?? null;
  return content !== null && touched.has(form) && !form.dataset.busy && content !== contentOf(form);
}

/** @returns {Array<HTMLFormElement>} the forms on the page that hold what would be lost */
export function unsavedForms() {
  for (const form of held.keys()) {
    if (held.get(form) !== null && !form.isConnected) {
      held.delete(form);
    }
  }
  return [...held.keys()].filter((it) => it.isConnected && isUnsaved(it));
}

addEventListener('beforeunload', (event) => {
  if (unsavedForms().length > 0) {
    event.preventDefault();
  }
});
