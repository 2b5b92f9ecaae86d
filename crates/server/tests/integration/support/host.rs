//! A Git host on loopback: repositories to clone, and an API that answers as it is told to and remembers what it was
//! asked.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use flowcd_client::Client;
use flowcd_model::{
    application::{NewApplication, Provider},
    user::NewProviderToken,
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::watch;

use super::{Repo, application, within};
use crate::git_http::{GitHttp, GitHttpOptions, Request};

/// A request that the API got.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// The method and the path, without a query.
    pub(crate) what: String,
    /// The headers that tokens are sent in, each as `name: value`.
    pub(crate) token: String,
    /// Null without one.
    pub(crate) body: Value,
}

#[derive(Default)]
struct Script {
    answers: BTreeMap<String, Vec<(u16, String)>>,
    asked: Vec<Asked>,
}

impl Script {
    /// What was told for a request: one after the other, and the last one from then on.
    fn answer(&mut self, what: &str) -> (u16, String) {
        match self.answers.get_mut(what) {
            Some(answers) if answers.len() > 1 => answers.remove(0),
            Some(answers) => answers[0].clone(),
            None => (404, r#"{"message": "Not Found"}"#.to_owned()),
        }
    }
}

/// The host.
pub(crate) struct Host {
    git: GitHttp,
    folder: TempDir,
    script: Arc<Mutex<Script>>,
    n_asked: watch::Receiver<usize>,
}

impl Host {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let script = Arc::<Mutex<Script>>::default();
        let (count, n_asked) = watch::channel(0);
        let mut options = GitHttpOptions::new(folder.path());
        let api = script.clone();
        options.api = Some(Arc::new(move |request: &Request| {
            let path = request.target.split('?').next().unwrap_or_default();
            let is_api = ["/api/", "/oapi/"].iter().any(|it| path.starts_with(it));
            if !is_api {
                return None;
            }
            let what = format!("{} {path}", request.method);
            let mut script = api.lock().unwrap_or_else(PoisonError::into_inner);
            let answer = script.answer(&what);
            script.asked.push(Asked {
                what,
                token: ["authorization", "private-token", "x-yunxiao-token"]
                    .into_iter()
                    .find_map(|name| Some(format!("{name}: {}", request.header(name)?)))
                    .unwrap_or_default(),
                body: serde_json::from_slice(&request.body).unwrap_or_default(),
            });
            // Whoever waits looks into the script while he holds the count.
            drop(script);
            count.send_modify(|n_asked| *n_asked += 1);
            Some(answer)
        }));
        let git = GitHttp::start(options).await.expect("the host starts");
        Self {
            git,
            folder,
            script,
            n_asked,
        }
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is answered to requests like `GET /api/v3/user`.
    pub(crate) fn on(&self, what: &str, status: u16, body: Value) {
        self.on_each(what, &[(status, body)]);
    }

    /// What is answered to the first such request, to the second, .. and to all from the last on.
    pub(crate) fn on_each(&self, what: &str, answers: &[(u16, Value)]) {
        let answers = answers
            .iter()
            .map(|(status, body)| (*status, body.to_string()))
            .collect();
        self.script().answers.insert(what.to_owned(), answers);
    }

    /// What the API was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.script().asked.clone()
    }

    /// The bodies of such requests so far.
    pub(crate) fn bodies(&self, what: &str) -> Vec<Value> {
        let asked = self.asked().into_iter();
        asked
            .filter(|it| it.what.starts_with(what))
            .map(|it| it.body)
            .collect()
    }

    /// Waits until what it was asked is enough.
    pub(crate) async fn until(&self, what: &str, is_enough: impl Fn(&[Asked]) -> bool) {
        let mut n_asked = self.n_asked.clone();
        let waiting = n_asked.wait_for(|_| is_enough(&self.asked()));
        within(what, waiting).await.expect("the host runs");
    }

    /// The origin, as accounts have it.
    pub(crate) fn origin(&self) -> String {
        self.git.url("").trim_end_matches('/').to_owned()
    }

    /// Serves a copy of `repo` as `acme/demo`; answers its URL.
    pub(crate) fn serve(&self, repo: &Repo) -> String {
        let target = self.folder.path().join("acme/demo.git");
        repo.git(&[
            "clone",
            "--quiet",
            "--bare",
            ".",
            &target.display().to_string(),
        ]);
        self.git.url("acme/demo.git")
    }

    /// An application for what is served as `acme/demo`.
    pub(crate) fn application(&self, provider: Provider) -> NewApplication {
        NewApplication {
            provider,
            ..application("demo", &self.git.url("acme/demo.git"))
        }
    }

    /// A token for this host.
    pub(crate) fn token(&self, provider: Provider, token: &str) -> NewProviderToken {
        NewProviderToken {
            token: token.to_owned(),
            provider,
            url: Some(self.origin()),
            username: None,
            check_token: None,
        }
    }

    /// Stores a token for this host without asking it.
    pub(crate) async fn give_account(&self, client: &Client, provider: Provider, token: &str) {
        let token = NewProviderToken {
            check_token: Some(false),
            ..self.token(provider, token)
        };
        client.update_provider_token(&token).await.expect("stored");
    }
}
