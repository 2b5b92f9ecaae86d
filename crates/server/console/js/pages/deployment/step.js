/**
 * A step of a deployment: where it stands, and its log, folded or unfolded.
 */

import { stateText, statusIcon } from '../../components/status.js';
import { errorToast } from '../../components/toast.js';
import { fill, foreign, freshId, h, icon, sentence, visibleText } from '../../lib/dom.js';
import { t } from '../../lib/i18n.js';
import { duration } from '../../lib/time.js';
import { downloadLog, logReader, stretches } from '../../log/read.js';
import { LogStore } from '../../log/store.js';
import { LogTimes } from '../../log/times.js';
import { LogView } from '../../log/view.js';

const READ_BYTES = 1024 * 1024;
const FINAL = new Set(['done', 'success', 'failure', 'skipped', 'cancelled', 'error-with-continue']);

export class StepSection {
  /** Called when the reader folds or unfolds it, or scrolls away from its end. */
  onTouched = () => {};
  isUnfolded = false;
  #hasTimes = false;
  #times;
  #taskId;
  #signal;
  #read;
  #isFed;
  #whole = null;
  #bodyId = freshId('log-body');
  #toggle;
  #head = h('div', { class: 'step-head' });
  #body;

  /**
   * @param {Object} step
   * @param {{taskId: string, isFed: boolean, signal: AbortSignal}} options `isFed`: its log comes by events, and is not
   *   asked for
   */
  constructor(step, { taskId, isFed, signal }) {
    this.step = step;
    this.#taskId = taskId;
    this.#signal = signal;
    this.#isFed = isFed;
    this.#read = logReader(taskId, step.stepCount, signal);
    this.store = new LogStore(this.#read);
    this.name = visibleText(step.run || stateText(step.status));
    this.#times = new LogTimes(taskId, step.stepCount, signal);
    this.view = new LogView(this.store, { stepCount: step.stepCount, label: t('log.of', { name: this.name }), times: this.#times, signal });
    this.view.onScrollAway = () => this.onTouched();
    this.#body = h('div', { class: 'step-body', id: this.#bodyId, hidden: true });
    this.element = h('section', { class: 'step', id: `step-${step.stepCount}` }, this.#head, this.#body);
    this.store.changed.listen(() => {
      this.#showState();
      this.#askTimes();
    }, signal);
    this.update(step);
  }

  /** @param {Object} step as it stands now */
  update(step) {
    this.step = step;
    this.element.className = `step step-${step.status}`;
    const hadFocus = this.#head.contains(document.activeElement);
    this.#toggle = h('button', { class: 'step-toggle', type: 'button', 'aria-expanded': String(this.isUnfolded),
      'aria-controls': this.#bodyId, disabled: !this.canUnfold, onclick: () => {
        this.onTouched();
        this.fold(!this.isUnfolded);
      } },
    icon('chevron', 'chevron'),
    statusIcon(step.status),
    foreign(step.run, { class: 'step-name ellipsis' }),
    step.attempts > 1 && h('span', { class: 'pill' }, t('deployment.attempts', { n: step.attempts })),
    this.#time());
    fill(this.#head, this.#toggle, this.canUnfold && h('button', { class: 'icon-button', type: 'button',
      title: t('log.download', { name: this.name }), 'aria-label': t('log.download', { name: this.name }),
      onclick: () => this.#download() }, icon('download')));
    if (hadFocus) {
      this.#toggle.focus({ preventScroll: true });
    }
    this.#showState();
  }

  /** @returns {boolean} whether it has begun, and so has something to show */
  get canUnfold() {
    const { status, error, stepCount } = this.step;
    return status !== 'pending' && (status !== 'skipped' || Boolean(error) || stepCount === 'completed' || this.store.nRows > 0);
  }

  #time() {
    const { status, process_time: seconds, started_time: started } = this.step;
    if (status === 'skipped') {
      return null;
    }
    const now = status === 'running' && started ? (Date.now() - started) / 1000 : undefined;
    return h('span', { class: 'step-time' }, duration(seconds ?? now ?? NaN));
  }

  /** Tells the time of a step that runs. */
  tick() {
    if (this.step.status === 'running') {
      this.#head.querySelector('.step-time')?.replaceWith(this.#time());
    }
  }

  /** @param {boolean} isUnfolded */
  fold(isUnfolded) {
    if (isUnfolded && !this.canUnfold) {
      return;
    }
    this.isUnfolded = isUnfolded;
    this.#toggle.setAttribute('aria-expanded', String(isUnfolded));
    this.#body.hidden = !isUnfolded;
    if (isUnfolded) {
      this.whole().catch((error) => this.#signal.aborted || errorToast(error));
      this.#askTimes();
    }
    this.#showState();
  }

  /** Shows when each line was printed, or not. */
  set hasTimes(value) {
    this.#hasTimes = value;
    this.view.hasTimes = value;
    this.#askTimes();
  }

  #askTimes() {
    if (this.#hasTimes && this.isUnfolded) {
      this.#times.ask(() => this.store.end).catch((error) => this.#signal.aborted || errorToast(error));
    }
  }

  #showState() {
    if (!this.isUnfolded) {
      return;
    }
    const { step, store } = this;
    const isOver = FINAL.has(step.status);
    const isWaiting = this.#isFed ? !isOver : !this.isLoaded;
    const state = JSON.stringify([store.nRows > 0 || isWaiting, store.nRows > 0, step.error, step.outputs]);
    if (this.#body.dataset.state === state) {
      return;
    }
    this.#body.dataset.state = state;
    fill(this.#body,
      step.error && h('div', { class: 'note danger step-error' }, icon('failure'), h('span', {}, sentence(step.error))),
      store.nRows > 0
        ? this.view.element
        : h('p', { class: 'log-empty' }, t(isWaiting ? 'log.loading' : 'log.empty')),
      outputs(step.outputs));
    this.view.refresh();
  }

  /**
   * Loads what is not there of the log of a step that has ended.
   *
   * @returns {Promise<void>}
   */
  whole() {
    this.#whole ??= this.#isFed ? Promise.resolve() : this.#load().catch((error) => {
      this.#whole = null;
      throw error;
    });
    return this.#whole;
  }

  async #load() {
    for (;;) {
      let part;
      try {
        part = await this.#read(this.store.end, READ_BYTES);
      } catch (error) {
        if (error.status !== 404) {
          throw error;
        }
        break;
      }
      const found = stretches(part);
      if (found.length === 0) {
        break;
      }
      found.forEach((stretch) => this.store.append(stretch));
    }
    this.isLoaded = true;
    this.#showState();
  }

  async #download() {
    try {
      await downloadLog(this.#taskId, this.step.stepCount, `${this.#taskId}-step-${this.step.stepCount}.log`);
    } catch (error) {
      errorToast(error);
    }
  }
}

function outputs(values) {
  const names = Object.keys(values ?? {});
  return names.length > 0 && h('div', { class: 'step-outputs' },
    h('h3', {}, t('deployment.outputs')),
    h('div', { class: 'table-wrap' }, h('table', {}, h('tbody', {}, names.map((name) => h('tr', {},
      h('th', { scope: 'row' }, foreign(name)),
      h('td', {}, foreign(typeof values[name] === 'string' ? values[name] : JSON.stringify(values[name]), { class: 'mono' }))))))));
}
