/**
 * `/deployments/ID`: a deployment, as it happens or as it was.
 */

import { isFinal, stateText, taskState, titleState } from '../components/status.js';
import { get } from '../lib/api.js';
import { fill, h } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { recall, remember } from '../lib/remember.js';
import { duration, taskSeconds } from '../lib/time.js';
import { followTask, stretchOf } from '../log/follow.js';
import { dropHeld } from '../log/store.js';
import { deploymentHead, deploymentNotes } from './deployment/head.js';
import { redeployChain } from './deployment/chain.js';
import { logTools } from './deployment/log-tools.js';
import { StepSection } from './deployment/step.js';
import { errorToast } from '../components/toast.js';

const SECOND_MS = 1000;
const CLEAN_UP = 'completed';
/** Under which the browser keeps whether the lines have their times. */
const TIMES_KEY = 'flowcd.times';

export default async function deploymentPage(page) {
  const { id } = page.params;
  const { signal } = page;
  let task = await get('/task/get', { taskId: id }, { signal });
  const application = await get('/application/detail', { id: task.app_id }, { signal });
  const isLive = !isFinal(task.status);
  /** The sections by `stepCount`, in the order of the steps. */
  const sections = new Map();
  let isFollowing = isLive;
  let isOver = !isLive;
  let target = null;
  let hasTimes = recall(TIMES_KEY) === 'true';

  const head = h('div', {});
  const chain = h('div', {});
  const notes = h('div', { class: 'notes' });
  const steps = h('div', { class: 'steps' });
  const waiting = h('p', { class: 'log-empty' });
  const tools = logTools({ sections: () => [...sections.values()], signal, hasTimes, onFollow: setFollowing,
    onTouched: () => setFollowing(false), onTimes: setTimes });
  signal.addEventListener('abort', dropHeld, { once: true });

  function setFollowing(value) {
    isFollowing = value;
    tools.setFollowing(isFinal(task.status) ? null : value);
    sections.forEach(follow);
  }

  function setTimes(value) {
    hasTimes = value;
    remember(TIMES_KEY, String(value));
    sections.forEach((section) => {
      section.hasTimes = value;
    });
  }

  function follow(section) {
    const isAtEnd = isFollowing && section.step.status === 'running';
    section.view.isAtEnd = isAtEnd;
    if (isAtEnd && !section.isUnfolded) {
      section.fold(true);
      section.element.scrollIntoView({ block: 'nearest' });
    }
  }

  function draw() {
    const state = taskState(task);
    page.title(`${stateText(state)} · #${task.number} ${task.owner}/${task.repo_name}`, titleState(state));
    fill(head, deploymentHead(task, application, reload));
    fill(notes, deploymentNotes(task));
    drawChain();
    waiting.hidden = sections.size > 0;
    waiting.textContent = t(isFinal(task.status) ? 'deployment.noSteps' : 'deployment.waiting');
  }

  /** Asked for once, and again when the deployment stands otherwise. */
  async function drawChain() {
    const state = taskState(task);
    if (!task.redelivery || chain.dataset.state === state) {
      return;
    }
    chain.dataset.state = state;
    try {
      const drawn = await redeployChain(task, signal);
      // It may stand otherwise by now, and what was asked for last may be there already.
      if (chain.dataset.state === state) {
        fill(chain, drawn);
      }
    } catch (error) {
      if (!signal.aborted) {
        errorToast(error);
      }
    }
  }

  /** Asks for what no event tells. Where the task stands is told by the events, in the order of its log, to the end. */
  async function reload() {
    const fresh = await get('/task/get', { taskId: id }, { signal });
    const { status, cancelRequested, error } = task;
    task = isLive && !isOver ? { ...fresh, status, cancelRequested, error } : fresh;
    if (isOver) {
      (task.steps ?? []).forEach(showStep);
    }
    draw();
  }

  function section(stepCount) {
    return sections.get(stepCount) ?? showStep({ run: t('deployment.cleanUp'), stepCount, status: 'done' });
  }

  function showStep(step) {
    const known = sections.get(step.stepCount);
    if (known) {
      const was = known.step.status;
      known.update(step);
      if (was !== step.status) {
        stepChanged(known, was);
      }
      return known;
    }
    const made = new StepSection(step, { taskId: id, isFed: isLive, signal });
    made.onTouched = () => setFollowing(false);
    made.hasTimes = hasTimes;
    made.store.changed.listen(() => showTarget(), signal);
    sections.set(step.stepCount, made);
    steps.append(made.element);
    waiting.hidden = true;
    return made;
  }

  /** While it is followed, what runs is in sight, and what ended well makes room for it. */
  function stepChanged(changed, was) {
    const { status } = changed.step;
    if (isFollowing && was === 'running' && status === 'success') {
      changed.fold(false);
    }
    follow(changed);
    if (status === 'failure') {
      changed.fold(true);
    }
  }

  function onEvent(name, data) {
    if (name === 'step') {
      showStep(data);
    } else if (name === 'log') {
      section(data.stepCount).store.append(stretchOf(data));
    } else {
      Object.assign(task, { status: data.status, cancelRequested: data.cancelRequested, error: data.error });
      isOver = name === 'end';
      draw();
      reload().then(() => isOver && setFollowing(isFollowing)).catch(() => {});
    }
  }

  /** Goes to the line that the address names, as soon as it is there. */
  function findTarget() {
    const found = /^#step-(completed|\d{1,6})(?:-L(\d{1,9}))?$/.exec(location.hash);
    target = found && { stepCount: found[1], line: Number(found[2] ?? 0) };
    sections.forEach((it) => it.view.target(-1));
    if (target) {
      setFollowing(false);
    }
    showTarget();
  }

  function showTarget() {
    const aim = target && sections.get(target.stepCount);
    if (!aim) {
      return;
    }
    aim.fold(true);
    const row = target.line ? aim.store.rowOfLine(target.line) : 0;
    if (row >= 0) {
      const isLine = target.line > 0;
      target = null;
      requestAnimationFrame(() => {
        aim.element.scrollIntoView({ block: 'nearest' });
        if (isLine) {
          aim.view.target(row);
          aim.view.scrollToRow(row);
        }
      });
    }
  }

  draw();
  tools.setFollowing(isLive ? true : null);
  if (isLive) {
    followTask(id, { signal, onEvent }).catch((error) => signal.aborted || errorToast(error));
  } else {
    (task.steps ?? []).forEach(showStep);
    if (task.steps?.length) {
      section(CLEAN_UP);
    }
    const failed = [...sections.values()].find((it) => it.step.status === 'failure');
    failed?.fold(true);
    draw();
  }
  addEventListener('hashchange', findTarget, { signal });
  const clock = setInterval(() => {
    sections.forEach((it) => it.tick());
    const time = head.querySelector('.task-time');
    if (time && !isFinal(task.status)) {
      time.textContent = duration(taskSeconds(task) ?? NaN);
    }
  }, SECOND_MS);
  signal.addEventListener('abort', () => clearInterval(clock), { once: true });
  requestAnimationFrame(findTarget);
  return h('div', {}, head, chain, notes, tools.element, waiting, steps);
}
