/**
 * Git hosts: what the address of a repository says, and where on the host things are.
 */

/** The providers, with the names they give themselves. */
export const PROVIDERS = {
  github: 'GitHub',
  gitee: 'Gitee',
  gitlab: 'GitLab',
  codeup: 'Codeup',
  gitea: 'Gitea / Forgejo',
  git: 'Git',
};

const HOSTS = [
  [/(^|\.)github\./, 'github'],
  [/(^|\.)gitee\.com$/, 'gitee'],
  [/(^|\.)gitlab\./, 'gitlab'],
  [/(^|\.)codeup\./, 'codeup'],
  [/(^|\.)(gitea|forgejo)\.|(^|\.)codeberg\.org$/, 'gitea'],
];

/**
 * What the address of a repository says of its host, its owner and its name.
 *
 * @param {string} text `https://..`, `ssh://..`, `git@host:path` or a local path
 * @returns {?{provider: string, owner: string, repo: string}} `null` where it is no address
 */
export function guessRepository(text) {
  const { host, path } = splitUrl(text.trim());
  const parts = path.replace(/\.git\/*$/, '').split('/').filter(Boolean);
  const repo = parts.pop();
  if (!repo) {
    return null;
  }
  const provider = HOSTS.find(([pattern]) => pattern.test(host))?.[1] ?? 'git';
  const groups = host ? parts : parts.slice(-1);
  return { provider, owner: groups.join('/') || 'local', repo };
}

function splitUrl(text) {
  try {
    const url = new URL(text);
    return { host: url.hostname, path: decodeURIComponent(url.pathname) };
  } catch {
    const scp = /^(?:[^@/\s]+@)?([^:/\s]+):(?!\/\/)(\S+)$/.exec(text);
    return scp ? { host: scp[1], path: scp[2] } : { host: '', path: text.startsWith('/') ? text : '' };
  }
}

/**
 * The page of a repository on its host.
 *
 * @param {{provider: string, repo_url: string}} application
 * @returns {?string} `null` where there is none that is known
 */
export function repositoryUrl({ provider, repo_url: repoUrl }) {
  if (provider === 'git') {
    return null;
  }
  const isHttp = /^https?:/.test(repoUrl);
  const { host, path } = splitUrl(repoUrl);
  if (!host || !path) {
    return null;
  }
  const origin = isHttp ? new URL(repoUrl).origin : `https://${host}`;
  return `${origin}/${path.replace(/^\/+/, '').replace(/\.git\/*$/, '')}`;
}

/**
 * The page of a commit on the host.
 *
 * @param {{provider: string, repo_url: string}} application
 * @param {string} commit
 * @returns {?string}
 */
export function commitUrl(application, commit) {
  const url = repositoryUrl(application);
  return url && `${url}${application.provider === 'gitlab' ? '/-' : ''}/commit/${encodeURIComponent(commit)}`;
}
