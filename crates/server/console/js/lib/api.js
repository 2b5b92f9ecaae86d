/**
 * The API: `get`, `post` and `remove` give the `data` of the envelope, or throw an `ApiError`.
 *
 * A session that has ended is begun again in a dialog, and the request that found it out is sent once more: pages
 * never notice, and nothing that was typed is lost.
 */

import { connectionBack, connectionLost } from './connection.js';

const ROOT = '/api/flow';

/** What went wrong, as the server says it. */
export class ApiError extends Error {
  /**
   * @param {number} status the HTTP status; 0 when there was no answer
   * @param {{code?: string, message?: string, field?: string, requestId?: string}} problem
   */
  constructor(status, problem = {}) {
    super(problem.message ?? '');
    this.name = 'ApiError';
    this.status = status;
    this.code = problem.code ?? 'Network';
    this.field = problem.field;
    this.requestId = problem.requestId;
  }
}

let csrfToken = null;
/** @type {?function(): Promise<void>} */
let signInAgain = null;
let signingIn = null;

/**
 * Says how a session is begun again: a function that resolves when it is.
 *
 * @param {function(): Promise<void>} ask
 */
export function onSessionEnd(ask) {
  signInAgain = ask;
}

/** Waits for the user to sign in again; many requests at once ask him once. */
export async function renewSession() {
  signingIn ??= signInAgain().finally(() => {
    signingIn = null;
  });
  await signingIn;
}

/**
 * Begins a session.
 *
 * @param {string} username
 * @param {string} password
 */
export async function signIn(username, password) {
  const data = await once('POST', '/auth/account/login', { body: { username, password } });
  csrfToken = data.csrfToken;
}

/** Ends the session. */
export async function signOut() {
  await post('/user/loginout', {});
  csrfToken = null;
}

/**
 * Who the session belongs to.
 *
 * @param {{isAsking?: boolean}} [options] whether to ask to sign in when there is none; else it throws
 * @returns {Promise<Object>}
 */
export async function userInfo({ isAsking = true } = {}) {
  const info = await (isAsking ? call : once)('POST', '/user/userInfo', { body: {} });
  csrfToken = info.csrfToken ?? null;
  return info;
}

/**
 * @param {string} path behind `/api/flow`
 * @param {Object} [query]
 * @param {{signal?: AbortSignal}} [options]
 */
export function get(path, query, options = {}) {
  return call('GET', path, { query, ...options });
}

/**
 * @param {string} path behind `/api/flow`
 * @param {Object} body
 * @param {{signal?: AbortSignal, key?: string}} [options] `key` makes that it is done once, however often it is sent
 */
export function post(path, body, options = {}) {
  return call('POST', path, { body, ...options });
}

/**
 * @param {string} path behind `/api/flow`
 * @param {Object} [query]
 */
export function remove(path, query) {
  return call('DELETE', path, { query });
}

/**
 * The bytes of an answer that is no envelope.
 *
 * @param {string} path behind `/api/flow`
 * @param {Object} query
 * @param {{signal?: AbortSignal, accept: string}} options
 * @returns {Promise<Response>}
 */
export function raw(path, query, options) {
  return patiently(() => send('GET', path, { query, ...options }));
}

/** @returns {string} a key for `post`, made when a form is opened */
export function onceKey() {
  return `console-${crypto.getRandomValues(new Uint32Array(4)).join('-')}`;
}

function call(method, path, options) {
  return patiently(() => once(method, path, options));
}

/** Begins a session anew, or asks for its second secret anew, where that is what fails, and tries again. */
async function patiently(attempt) {
  try {
    return await attempt();
  } catch (error) {
    if (error.status === 401 && signInAgain) {
      await renewSession();
    } else if (error.status === 403) {
      // Another window has begun another session.
      await userInfo();
    } else {
      throw error;
    }
    return attempt();
  }
}

async function once(method, path, options) {
  const response = await send(method, path, options);
  const envelope = await response.json().catch(() => null);
  if (!envelope?.success) {
    throw new ApiError(response.status, envelope ?? {});
  }
  return envelope.data;
}

async function send(method, path, { query, body, signal, key, accept, headers = {} }) {
  const url = ROOT + path + (query ? `?${new URLSearchParams(present(query))}` : '');
  const sent = { Accept: accept ?? 'application/json', ...headers };
  if (body !== undefined) {
    sent['Content-Type'] = 'application/json';
  }
  if (csrfToken && method !== 'GET') {
    sent['X-CSRF-Token'] = csrfToken;
  }
  if (key) {
    sent['Idempotency-Key'] = key;
  }
  let response;
  try {
    response = await fetch(url, {
      method,
      headers: sent,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal,
      cache: method === 'GET' ? 'default' : 'no-store',
    });
  } catch (error) {
    if (signal?.aborted) {
      throw error;
    }
    connectionLost();
    throw new ApiError(0);
  }
  connectionBack();
  if (!response.ok) {
    throw new ApiError(response.status, await response.json().catch(() => ({ code: 'SystemError' })));
  }
  return response;
}

function present(query) {
  return Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== '');
}
