/**
 * Following a task: its server-sent events, taken up again behind the last one after every loss of the connection.
 *
 * The browser's own `EventSource` tells nothing of why it failed, and could not ask to sign in again.
 */

import { renewSession } from '../lib/api.js';
import { connectionBack, connectionLost } from '../lib/connection.js';

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 5000;
/** The server says something every 15 seconds, if only that it is there. */
const SILENCE_MS = 40_000;

/**
 * Follows a task until its end.
 *
 * @param {string} taskId
 * @param {{signal: AbortSignal, onEvent: function(string, Object): void}} options told the name and the data of each
 *   event
 * @returns {Promise<void>} resolved behind the event `end`
 */
export async function followTask(taskId, { signal, onEvent }) {
  const position = { lastId: null, isOver: false };
  let pause = FIRST_PAUSE_MS;
  while (!signal.aborted && !position.isOver) {
    const had = position.lastId;
    try {
      await connect(taskId, position, signal, onEvent);
    } catch (error) {
      if (signal.aborted) {
        return;
      }
      if (error.status === 401) {
        await renewSession();
        continue;
      }
      if (error.status === 404) {
        throw error;
      }
      connectionLost();
    }
    if (position.lastId !== had) {
      pause = FIRST_PAUSE_MS;
    }
    if (!position.isOver) {
      await sleep(pause, signal);
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
    }
  }
}

async function connect(taskId, position, signal, onEvent) {
  const silence = new AbortController();
  let timer;
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(), SILENCE_MS);
  };
  heard();
  try {
    const headers = { Accept: 'text/event-stream' };
    if (position.lastId) {
      headers['Last-Event-ID'] = position.lastId;
    }
    const response = await fetch(`/api/flow/task/events?taskId=${encodeURIComponent(taskId)}`, {
      headers, cache: 'no-store', signal: AbortSignal.any([signal, silence.signal]),
    });
    if (!response.ok) {
      throw Object.assign(new Error('refused'), { status: response.status });
    }
    connectionBack();
    await readEvents(response.body, heard, (event) => {
      if (event.id) {
        position.lastId = event.id;
      }
      onEvent(event.name, JSON.parse(event.data));
      position.isOver ||= event.name === 'end';
    });
  } finally {
    clearTimeout(timer);
    silence.abort();
  }
}

/** Reads a stream of events; see the HTML standard, 9.2.6, of which our server uses a part. */
async function readEvents(body, heard, take) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) {
      return;
    }
    heard();
    rest += value;
    for (let end = rest.indexOf('\n\n'); end >= 0; end = rest.indexOf('\n\n')) {
      const event = parseEvent(rest.slice(0, end));
      rest = rest.slice(end + 2);
      if (event.data) {
        take(event);
      }
    }
  }
}

function parseEvent(text) {
  const event = { name: 'message', data: '', id: '' };
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    const value = line.slice(colon + 1).replace(/^ /, '');
    const name = { event: 'name', id: 'id', data: 'data' }[line.slice(0, colon)];
    if (name) {
      event[name] = name === 'data' ? event.data + value : value;
    }
  }
  return event;
}

function sleep(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    }, { once: true });
  });
}

/**
 * The bytes of a log event, as a stretch for a `LogStore`.
 *
 * @param {{from: number, to: number, text?: string, base64?: string}} event
 * @returns {{from: number, to: number, bytes?: Uint8Array}}
 */
export function stretchOf({ from, to, text, base64 }) {
  if (text !== undefined) {
    return { from, to, bytes: new TextEncoder().encode(text) };
  }
  if (base64 !== undefined) {
    return { from, to, bytes: Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)) };
  }
  return { from, to };
}
