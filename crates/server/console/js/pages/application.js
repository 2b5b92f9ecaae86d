/**
 * `/applications/ID`: the frame of an application; each tab is a module of its own in `application/`.
 */

import { openDeployDialog } from '../components/deploy-dialog.js';
import { tabs } from '../components/tabs.js';
import { get } from '../lib/api.js';
import { foreign, h, icon } from '../lib/dom.js';
import { PROVIDERS, repositoryUrl } from '../lib/git-host.js';
import { t } from '../lib/i18n.js';
import { navigate } from '../lib/router.js';

/** The tabs: the end of the address, and the module with `export default async (page, application) => Node`. */
const TABS = {
  deployments: () => import('./application/deployments.js'),
  deliveries: () => import('./application/deliveries.js'),
  settings: () => import('./application/settings.js'),
};

export default async function applicationPage(page) {
  const { id, tab = 'deployments' } = page.params;
  const [application, { default: content }] = await Promise.all([
    get('/application/detail', { id }, { signal: page.signal }),
    TABS[tab](),
  ]);
  const name = `${application.owner}/${application.repo_name}`;
  page.title(tab === 'deployments' ? name : `${t(`app.${tab}`)} · ${name}`);
  const host = repositoryUrl(application);
  const provider = PROVIDERS[application.provider] ?? application.provider;
  return h('div', {},
    h('nav', { class: 'crumbs', 'aria-label': t('nav.crumbs') }, h('a', { href: '/' }, t('nav.applications'))),
    h('div', { class: 'page-head app-head' },
      h('div', { class: 'grow' },
        h('h1', {}, foreign(application.owner, { class: 'muted' }), h('span', { class: 'muted' }, '/'), foreign(application.repo_name)),
        h('p', { class: 'muted app-description', hidden: !application.description }, foreign(application.description)),
        h('p', { class: 'row-line small' },
          h('span', { class: 'pill' }, provider),
          host
            ? h('a', { href: host, target: '_blank', rel: 'noreferrer' }, foreign(application.repo_url), ' ', icon('external'),
              h('span', { class: 'sr-only' }, t('app.host', { host: provider })))
            : foreign(application.repo_url))),
      h('div', { class: 'tools' },
        h('button', { class: 'button primary', type: 'button', onclick: () => openDeployDialog(application, {
          onDone: (taskId) => navigate(`/deployments/${taskId}`),
        }) }, icon('play'), t('app.deploy')))),
    tabs({
      label: t('app.deployments'),
      items: Object.keys(TABS).map((it) => ({
        href: `/applications/${id}${it === 'deployments' ? '' : `/${it}`}`, text: t(`app.${it}`), isCurrent: it === tab,
      })),
    }),
    await content(page, application));
}
