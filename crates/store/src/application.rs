//! Applications.

use std::collections::BTreeMap;

use flowcd_model::{
    application::{Application, ApplicationPatch, NewApplication, Provider},
    id::{AppId, TaskId, UserId},
};
use secrecy::SecretString;

use crate::{Error, IdempotencyRecord, Result, Store};

/// An application to make.
#[derive(Clone, Debug)]
pub struct ApplicationInsert {
    /// Its id.
    pub id: AppId,
    /// Who will own it.
    pub user_id: UserId,
    /// What it is. Webhook secrets within its trigger are not stored: they come by `webhook_secrets`.
    pub new: NewApplication,
    /// What its webhooks are signed with.
    pub webhook_secrets: WebhookSecrets,
}

/// What the webhooks of an application are signed with, by provider.
#[derive(Clone, Debug, Default)]
pub struct WebhookSecrets(pub BTreeMap<Provider, WebhookSecret>);

/// What a provider signs webhooks with.
#[derive(Clone, Debug, Default)]
pub struct WebhookSecret {
    /// The key of a signature, or a token.
    pub secret: Option<SecretString>,
    /// Gitee's password.
    pub password: Option<SecretString>,
}

/// How the deletion of an application went.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum AppDeletion {
    /// It is gone, and so are these tasks, whose log objects are the caller's to delete.
    Deleted {
        /// The tasks.
        tasks: Vec<TaskId>,
    },
    /// The user has no such application.
    Absent,
    /// It has a task that runs; nothing was changed.
    Busy(TaskId),
}

impl Store {
    /// Makes an application. [`Error::DuplicateApplication`] when the user has one for this repository.
    pub async fn create_application(
        &self,
        insert: ApplicationInsert,
        idempotency: Option<IdempotencyRecord>,
    ) -> Result<Application> {
        let _ = (insert, idempotency);
        Err(Error::Stopped)
    }

    /// The user's applications, the last changed first, and the cursor of the next part.
    pub async fn list_applications(
        &self,
        user_id: &UserId,
        limit: Option<i64>,
        cursor: Option<String>,
    ) -> Result<(Vec<Application>, Option<String>)> {
        let _ = (user_id, limit, cursor);
        Err(Error::Stopped)
    }

    /// An application of the user.
    pub async fn application(&self, user_id: &UserId, id: &AppId) -> Result<Option<Application>> {
        let _ = (user_id, id);
        Err(Error::Stopped)
    }

    /// Changes an application of the user; `None` when he has no such one.
    pub async fn update_application(
        &self,
        user_id: &UserId,
        patch: ApplicationPatch,
    ) -> Result<Option<Application>> {
        let _ = (user_id, patch);
        Err(Error::Stopped)
    }

    /// Deletes an application of the user with its tasks and their logs, unless one of them runs.
    pub async fn delete_application(&self, user_id: &UserId, id: &AppId) -> Result<AppDeletion> {
        let _ = (user_id, id);
        Err(Error::Stopped)
    }
}
