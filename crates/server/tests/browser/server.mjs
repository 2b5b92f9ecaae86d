/**
 * A server of its own for a file of tests: the binary that cargo built, a free port, a fresh data folder.
 */

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { until } from './until.mjs';

/** The password of `admin` in every test. */
export const PASSWORD = 'correct-horse-battery-staple';

const START_MS = 30_000;
const FINAL = ['success', 'failure', 'cancelled'];

function binary() {
  const path = process.env.FLOWCD_SERVER;
  if (!path) {
    throw new Error('FLOWCD_SERVER does not name the server: start the tests with `cargo xtask test browser`');
  }
  return path;
}

export class Server {
  folder = mkdtempSync(join(tmpdir(), 'flowcd-browser-'));
  url = null;
  token = null;
  #child = null;
  #options;

  constructor(options) {
    this.#options = options;
  }

  /**
   * Starts a server, and makes a token for `api`.
   *
   * @param {string[]} [options] flags of `serve`
   * @returns {Promise<Server>}
   */
  static async start(options = ['--drain-timeout=1s']) {
    const server = new Server(options);
    await server.#serve('127.0.0.1:0');
    const minted = spawnSync(binary(), ['token', 'create', '--user=admin', '--description=tests', '--expires=1d',
      '--data-dir', server.#data], { encoding: 'utf8' });
    if (minted.status !== 0) {
      throw new Error(`no token: ${minted.stderr}`);
    }
    server.token = minted.stdout.trim();
    return server;
  }

  get #data() {
    return join(this.folder, 'data');
  }

  async #serve(listen) {
    this.#child = spawn(binary(), ['serve', '--listen', listen, '--runners=3', '--allow-local-repos',
      '--data-dir', this.#data, ...this.#options], {
      env: { ...process.env, FLOWCD_ADMIN_PASSWORD: PASSWORD, FLOWCD_LOG_FILTER: 'error' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const line = await new Promise((resolve, reject) => {
      const patience = setTimeout(() => reject(new Error('the server says nothing')), START_MS);
      const done = (settle, value) => {
        clearTimeout(patience);
        settle(value);
      };
      this.#child.once('exit', (code) => done(reject, new Error(`the server ended with ${code}`)));
      createInterface({ input: this.#child.stdout }).on('line', (text) => text.includes('http') && done(resolve, text));
    });
    this.url = line.slice(line.indexOf('http')).trim();
  }

  /** Starts it again where it was, with the data that it had. */
  async startAgain() {
    await this.#serve(new URL(this.url).host);
  }

  /** Asks it to stop, and waits until it has. */
  async stop() {
    if (this.#child?.exitCode === null && this.#child.signalCode === null) {
      const exit = once(this.#child, 'exit');
      this.#child.kill('SIGTERM');
      await exit;
    }
  }

  /** Stops it, and removes what it wrote. */
  async end() {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /**
   * Calls the API with the token.
   *
   * @param {string} method
   * @param {string} path behind `/api/flow`
   * @param {Object} [body]
   * @returns {Promise<Object>} the `data` of the answer
   */
  async api(method, path, body) {
    const response = await fetch(`${this.url}/api/flow${path}`, {
      method,
      headers: { cd_token: this.token, 'content-type': 'application/json' },
      body: body && JSON.stringify(body),
    });
    const envelope = await response.json();
    if (!envelope.success) {
      throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(envelope)}`);
    }
    return envelope.data;
  }

  /**
   * Makes an application for a repository.
   *
   * @param {Repository} repository
   * @param {Object} [more] other fields of the new application
   * @returns {Promise<Object>} what was made, with its webhook's secret
   */
  createApplication(repository, more = {}) {
    return this.api('POST', '/application/create', {
      provider: 'git', owner: 'acme', repo: repository.name, repo_url: repository.path, trigger_spec: {}, ...more,
    });
  }

  /** @returns {Promise<string>} the id of a new deployment of a branch */
  async deploy(appId, branch = 'main', more = {}) {
    const { taskId } = await this.api('POST', '/dispatch/manual', { appId, ref: `refs/heads/${branch}`, ...more });
    return taskId;
  }

  /** @returns {Promise<Object>} a deployment as it stands */
  task(taskId) {
    return this.api('GET', `/task/get?taskId=${taskId}`);
  }

  /** Waits for the end of a deployment. */
  finished(taskId) {
    return until(`the end of ${taskId}`, async () => {
      const task = await this.task(taskId);
      return FINAL.includes(task.status) && task;
    });
  }

  /** @returns {Promise<Buffer>} the whole log of a step, byte for byte */
  async log(taskId, stepCount) {
    const response = await fetch(`${this.url}/api/flow/task/log?taskId=${taskId}&stepCount=${stepCount}`, {
      headers: { cd_token: this.token, accept: 'application/octet-stream' },
    });
    if (!response.ok) {
      throw new Error(`the log of ${taskId}: ${response.status}`);
    }
    return Buffer.from(await response.arrayBuffer());
  }
}
