/**
 * A Git host on loopback: its API answers as it is told to, and remembers what it was asked.
 */

import { once } from 'node:events';
import { createServer } from 'node:http';

export class Host {
  /** The requests so far, each as its method, its path and its token. */
  asked = [];
  origin = null;
  #answers = new Map();
  #server = createServer((request, response) => {
    const what = `${request.method} ${request.url.split('?', 1)[0]}`;
    this.asked.push({ what, token: request.headers.authorization });
    const [status, body] = this.#answers.get(what) ?? [404, { message: 'Not Found' }];
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });

  /** @returns {Promise<Host>} */
  static async start() {
    const host = new Host();
    host.#server.listen(0, '127.0.0.1');
    await once(host.#server, 'listening');
    host.origin = `http://127.0.0.1:${host.#server.address().port}`;
    return host;
  }

  /**
   * @param {string} what like `GET /api/v3/user`
   * @param {number} status
   * @param {Object} body
   */
  on(what, status, body) {
    this.#answers.set(what, [status, body]);
  }

  /** Ends it. */
  async end() {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
