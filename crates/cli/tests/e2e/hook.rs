//! Webhooks as a host sends them.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::{
    repo::Repo,
    support::{Server, end_with_input},
};

/// An application with a trigger, and what its host knows.
pub(crate) struct Hooked {
    pub(crate) repo: Repo,
    pub(crate) app_id: String,
    pub(crate) url: String,
    pub(crate) secret: String,
}

impl Hooked {
    /// Makes `acme/NAME` of a new repository with this pipeline and these rules.
    pub(crate) async fn new(server: &Server, name: &str, pipeline: &str, trigger: &Value) -> Self {
        let repo = Repo::with_pipeline(pipeline);
        let url = repo.url();
        let args = [
            "app",
            "create",
            "--provider",
            "git",
            "--owner",
            "acme",
            "--repo",
            name,
            "--repo-url",
            &url,
            "--trigger-spec",
            "-",
            "-o",
            "json",
        ];
        let trigger = json!({"git": trigger}).to_string();
        let created = end_with_input(&mut server.flowcd(&args), &trigger)
            .await
            .json();
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        Self {
            repo,
            app_id: text(&created["id"]),
            url: text(&created["webhook"]["url"]),
            secret: text(&created["webhookSecret"]),
        }
    }

    /// What GitHub would send for a push of the repository's newest commit.
    pub(crate) fn push(&self, git_ref: &str) -> Value {
        let commit = self.repo.git(&["rev-parse", "HEAD"]);
        let message = self.repo.git(&["log", "-1", "--format=%s"]);
        json!({
            "ref": git_ref, "after": commit, "head_commit": {"id": commit, "message": message},
            "pusher": {"name": "octocat", "email": "octocat@example.com"},
        })
    }

    /// Sends it, signed; the answer.
    pub(crate) async fn send(&self, event: &str, id: &str, body: &Value) -> Value {
        let body = body.to_string();
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.secret.as_bytes()).expect("a key of any length");
        mac.update(body.as_bytes());
        let digits: String = mac
            .finalize()
            .into_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let answer = reqwest::Client::new()
            .post(&self.url)
            .header("content-type", "application/json")
            .header("x-github-event", event)
            .header("x-github-delivery", id)
            .header("x-hub-signature-256", format!("sha256={digits}"))
            .body(body)
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status().as_u16(), 200);
        answer.json().await.expect("JSON")
    }
}
