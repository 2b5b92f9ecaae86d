/**
 * Repositories to deploy, made with git in the folder of a server.
 */

import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export class Repository {
  /**
   * @param {Server} server whose folder it is made in
   * @param {string} name
   * @param {string} pipeline
   */
  constructor(server, name, pipeline) {
    this.name = name;
    this.path = join(server.folder, 'repositories', name);
    mkdirSync(this.path, { recursive: true });
    this.git('init', '--quiet', '--initial-branch=main');
    this.commit('Say hello', { 'serverless-pipeline.yaml': pipeline });
  }

  /** Runs git in it, with nobody's configuration. */
  git(...args) {
    const env = {
      PATH: process.env.PATH, HOME: this.path, GIT_CONFIG_NOSYSTEM: '1',
      GIT_AUTHOR_NAME: 'Mei Lin', GIT_AUTHOR_EMAIL: 'mei@example.com',
      GIT_COMMITTER_NAME: 'Mei Lin', GIT_COMMITTER_EMAIL: 'mei@example.com',
    };
    return execFileSync('git', args, { cwd: this.path, env, encoding: 'utf8' }).trim();
  }

  /**
   * @param {string} message
   * @param {Object<string, string>} files their texts by their names
   * @returns {string} the commit
   */
  commit(message, files = {}) {
    for (const [name, text] of Object.entries(files)) {
      writeFileSync(join(this.path, name), text);
    }
    this.git('add', '.');
    this.git('commit', '--quiet', '--allow-empty', '--message', message);
    return this.git('rev-parse', 'HEAD');
  }
}
