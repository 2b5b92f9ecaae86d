//! Applications.

mod delete;
mod list;
mod webhook;

use std::collections::BTreeMap;

use diesel::{
    ExpressionMethods, Insertable, OptionalExtension, QueryDsl, Queryable, RunQueryDsl, Selectable,
    SelectableHelper,
};
use flowcd_model::{
    application::{Application, ApplicationPatch, NewApplication, Webhook},
    id::{AppId, TaskId, UserId},
    secret::{SecretNames, Secrets},
    time::Millis,
};

pub(crate) use webhook::webhook_target_of;
pub use webhook::{WebhookSecret, WebhookSecrets};
use webhook::{adopt_secrets, hide_secrets, replace_secret, webhook_aad};

use crate::{
    Error, IdempotencyRecord, Keyring, Result, Store,
    conn::{Conn, on_backend},
    idempotency, poll,
    row::{RowId, clean, to_json},
    schedule::{self, ScheduleInsert},
    schema::applications,
    seal::Aad,
};

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
    /// The webhook at the host, as far as it is known.
    pub webhook: Webhook,
    /// When its schedules come due.
    pub schedules: Vec<ScheduleInsert>,
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
    /// It has a task that runs, and stays.
    Busy(TaskId),
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = applications)]
pub(crate) struct ApplicationRow {
    id: String,
    user_id: String,
    provider: String,
    provider_repo_id: String,
    repo_name: String,
    owner: String,
    repo_url: String,
    description: String,
    trigger_spec: String,
    secret_names: String,
    envs: Option<String>,
    latest_task: Option<String>,
    created_time: i64,
    updated_time: i64,
    fork_secrets: bool,
    webhook: Option<String>,
    poll_seconds: Option<i64>,
    polled_time: Option<i64>,
    poll_problem: Option<String>,
}

#[derive(Insertable)]
#[diesel(table_name = applications)]
struct NewApplicationRow<'a> {
    id: &'a str,
    user_id: &'a str,
    provider: &'a str,
    provider_repo_id: &'a str,
    repo_name: &'a str,
    owner: &'a str,
    repo_url: &'a str,
    description: &'a str,
    trigger_spec: &'a str,
    webhook_box: Option<&'a [u8]>,
    secrets_box: Option<&'a [u8]>,
    secret_names: &'a str,
    envs: Option<&'a str>,
    created_time: i64,
    updated_time: i64,
    fork_secrets: bool,
    webhook: Option<&'a str>,
    poll_seconds: Option<i64>,
    poll_time: Option<i64>,
}

impl ApplicationRow {
    pub(crate) fn read(self) -> Result<Application> {
        let row = RowId {
            table: "applications",
            id: &self.id,
        };
        Ok(Application {
            user_id: row.text("user_id", self.user_id)?,
            provider: row.name("provider", &self.provider)?,
            trigger_spec: row.json("trigger_spec", &self.trigger_spec)?,
            secrets: row.json("secret_names", &self.secret_names)?,
            envs: row.optional_json("envs", self.envs.as_deref())?,
            latest_task: row.optional_json("latest_task", self.latest_task.as_deref())?,
            webhook: row.optional_json("webhook", self.webhook.as_deref())?,
            fork_secrets: self.fork_secrets,
            poll_seconds: self.poll_seconds,
            polled_time: self.polled_time.map(Millis),
            poll_problem: self.poll_problem,
            provider_repo_id: self.provider_repo_id,
            repo_name: self.repo_name,
            owner: self.owner,
            repo_url: self.repo_url,
            description: self.description,
            created_time: Millis(self.created_time),
            updated_time: Millis(self.updated_time),
            id: row.text("id", self.id.clone())?,
        })
    }
}

/// So many secrets an application may have.
const MAX_SECRETS: usize = 200;

/// Where the secrets of an application are sealed.
fn secrets_aad(id: &str) -> Aad<'_> {
    Aad {
        table: "applications",
        row: id,
        name: "secrets_box",
    }
}

/// The application's secrets, opened.
pub(crate) fn secrets(
    conn: &mut Conn,
    keyring: &Keyring,
    id: &AppId,
) -> Result<BTreeMap<String, String>> {
    let sealed: Option<Option<Vec<u8>>> = on_backend!(conn, |conn| applications::table
        .find(id.as_str())
        .select(applications::secrets_box)
        .first(conn)
        .optional())?;
    keyring.open_map(sealed.flatten().as_deref(), &secrets_aad(id.as_str()))
}

/// Seals named values; none need no box.
fn seal_some(
    keyring: &Keyring,
    values: &BTreeMap<String, String>,
    aad: &Aad<'_>,
) -> Result<Option<Vec<u8>>> {
    if values.is_empty() {
        return Ok(None);
    }
    keyring.seal_map(values, aad).map(Some)
}

fn names_json(secrets: &Secrets) -> Result<String> {
    let names = SecretNames::new(secrets.0.keys().cloned());
    to_json("secret names", &names)
}

fn find(conn: &mut Conn, user_id: &UserId, id: &AppId) -> Result<Option<ApplicationRow>> {
    let row = on_backend!(conn, |conn| applications::table
        .find(id.as_str())
        .filter(applications::user_id.eq(user_id.as_str()))
        .select(ApplicationRow::as_select())
        .first(conn)
        .optional())?;
    Ok(row)
}

/// The application, whoever owns it.
pub(crate) fn find_any(conn: &mut Conn, id: &AppId) -> Result<Option<Application>> {
    let row = on_backend!(conn, |conn| applications::table
        .find(id.as_str())
        .select(ApplicationRow::as_select())
        .first(conn)
        .optional())?;
    row.map(ApplicationRow::read).transpose()
}

/// Keeps the application as it is until the transaction ends; whether the user has it. SQLite has one writer, who
/// has locked everything.
fn lock(conn: &mut Conn, user_id: &UserId, id: &AppId) -> Result<bool> {
    let query = applications::table
        .find(id.as_str())
        .filter(applications::user_id.eq(user_id.as_str()))
        .select(applications::id);
    let locked: Option<String> = match conn {
        Conn::Sqlite(conn) => query.first(conn).optional()?,
        Conn::Postgres(conn) => query.for_update().first(conn).optional()?,
    };
    Ok(locked.is_some())
}

impl Store {
    /// Keeps what is known of an application's webhook at its host.
    pub async fn set_webhook(&self, id: &AppId, webhook: &Webhook) -> Result<()> {
        let id = id.clone();
        let webhook = to_json("webhook", webhook)?;
        self.write(move |conn| {
            on_backend!(conn, |conn| diesel::update(
                applications::table.find(id.as_str())
            )
            .set(applications::webhook.eq(&webhook))
            .execute(conn))?;
            Ok(())
        })
        .await
    }

    /// Makes an application. [`Error::DuplicateApplication`] when the user has one for this repository.
    pub async fn create_application(
        &self,
        insert: ApplicationInsert,
        idempotency: Option<IdempotencyRecord>,
    ) -> Result<Application> {
        let keyring = self.inner.keyring.clone();
        self.write(move |conn| {
            idempotency::keep(conn, &keyring, idempotency.as_ref())?;
            create(conn, &keyring, &insert)
        })
        .await
    }

    /// An application of the user.
    pub async fn application(&self, user_id: &UserId, id: &AppId) -> Result<Option<Application>> {
        let (user_id, id) = (user_id.clone(), id.clone());
        self.read(move |conn| {
            find(conn, &user_id, &id)?
                .map(ApplicationRow::read)
                .transpose()
        })
        .await
    }

    /// An application, whoever owns it.
    pub async fn any_application(&self, id: &AppId) -> Result<Option<Application>> {
        let id = id.clone();
        self.read(move |conn| find_any(conn, &id)).await
    }

    /// Changes an application of the user; `None` when he has no such one.
    ///
    /// A webhook secret that is stored stays, whatever the new trigger says; one for a provider that has none is
    /// taken from it. `schedules` are those of the new trigger; entries that were there before keep their time.
    pub async fn update_application(
        &self,
        user_id: &UserId,
        patch: ApplicationPatch,
        schedules: Option<Vec<ScheduleInsert>>,
    ) -> Result<Option<Application>> {
        let user_id = user_id.clone();
        let keyring = self.inner.keyring.clone();
        self.write(move |conn| {
            if !lock(conn, &user_id, &patch.app_id)? {
                return Ok(None);
            }
            update(conn, &keyring, &patch)?;
            if let Some(schedules) = &schedules {
                schedule::replace(conn, &patch.app_id, schedules)?;
            }
            find(conn, &user_id, &patch.app_id)?
                .map(ApplicationRow::read)
                .transpose()
        })
        .await
    }
}

fn create(conn: &mut Conn, keyring: &Keyring, insert: &ApplicationInsert) -> Result<Application> {
    let ApplicationInsert {
        id,
        user_id,
        new,
        webhook_secrets,
        webhook,
        schedules,
    } = insert;
    let now = Millis::now();
    let poll_seconds = new.poll_seconds.filter(|seconds| *seconds > 0);
    let webhook_secrets = webhook_secrets.to_map();
    let provider_repo_id = match &new.provider_repo_id {
        Some(repo_id) => repo_id.clone(),
        None => format!("{}/{}", new.owner, new.repo),
    };
    let shown_spec = hide_secrets(&new.trigger_spec, &webhook_secrets);
    let envs = new.envs.as_ref().map(|envs| to_json("envs", envs));
    let envs = envs.transpose()?;
    let webhook_box = seal_some(keyring, &webhook_secrets, &webhook_aad(id.as_str()))?;
    let secrets_box = seal_some(keyring, &new.secrets.0, &secrets_aad(id.as_str()))?;
    let row = NewApplicationRow {
        id: id.as_str(),
        user_id: user_id.as_str(),
        provider: new.provider.as_str(),
        provider_repo_id: &clean(&provider_repo_id),
        repo_name: &clean(&new.repo),
        owner: &clean(&new.owner),
        repo_url: &clean(&new.repo_url),
        description: &clean(&new.description),
        trigger_spec: &to_json("trigger_spec", &shown_spec)?,
        webhook_box: webhook_box.as_deref(),
        secrets_box: secrets_box.as_deref(),
        secret_names: &names_json(&new.secrets)?,
        envs: envs.as_deref(),
        created_time: now.0,
        updated_time: now.0,
        fork_secrets: new.fork_secrets,
        webhook: Some(&to_json("webhook", webhook)?),
        poll_seconds,
        poll_time: poll_seconds.map(|_| now.0),
    };
    let inserted = on_backend!(conn, |conn| diesel::insert_into(applications::table)
        .values(&row)
        .returning(ApplicationRow::as_returning())
        .get_result(conn))
    .map_err(Error::Database);
    match inserted {
        Err(err) if err.is_unique_violation() => Err(Error::DuplicateApplication),
        inserted => {
            let application = inserted?.read()?;
            schedule::replace(conn, id, schedules)?;
            Ok(application)
        }
    }
}

fn update(conn: &mut Conn, keyring: &Keyring, patch: &ApplicationPatch) -> Result<()> {
    let target = applications::table.find(patch.app_id.as_str());
    let id = patch.app_id.as_str();
    if patch.secrets.is_some() || patch.secret_changes.is_some() {
        let mut values = match &patch.secrets {
            Some(given) => given.0.clone(),
            None => secrets(conn, keyring, &patch.app_id)?,
        };
        if let Some(changes) = &patch.secret_changes {
            changes.apply(&mut values);
        }
        // Here and not before, because what is added bit by bit counts together.
        if values.len() > MAX_SECRETS {
            return Err(Error::OutOfRange("secret_changes"));
        }
        let sealed = seal_some(keyring, &values, &secrets_aad(id))?;
        let names = names_json(&Secrets(values))?;
        on_backend!(conn, |conn| diesel::update(target)
            .set((
                applications::secrets_box.eq(&sealed),
                applications::secret_names.eq(&names),
            ))
            .execute(conn))?;
    }
    if let Some(spec) = patch.trigger_spec.as_ref().filter(|spec| !spec.is_empty()) {
        let sealed: Option<Vec<u8>> = on_backend!(conn, |conn| target
            .select(applications::webhook_box)
            .first(conn))?;
        let mut secrets = keyring.open_map(sealed.as_deref(), &webhook_aad(id))?;
        adopt_secrets(spec, &mut secrets);
        let sealed = seal_some(keyring, &secrets, &webhook_aad(id))?;
        let spec = to_json("trigger_spec", &hide_secrets(spec, &secrets))?;
        on_backend!(conn, |conn| diesel::update(target)
            .set((
                applications::webhook_box.eq(&sealed),
                applications::trigger_spec.eq(&spec),
            ))
            .execute(conn))?;
    }
    if let Some(secret) = &patch.webhook_secret {
        replace_secret(conn, keyring, &patch.app_id, &secret.0)?;
    }
    if let Some(envs) = &patch.envs {
        let envs = to_json("envs", envs)?;
        on_backend!(conn, |conn| diesel::update(target)
            .set(applications::envs.eq(&envs))
            .execute(conn))?;
    }
    if let Some(seconds) = patch.poll_seconds {
        poll::set(conn, &patch.app_id, seconds)?;
    }
    if let Some(url) = &patch.repo_url {
        poll::set_repository(conn, &patch.app_id, &clean(url))?;
    }
    let texts = (
        patch
            .fork_secrets
            .map(|is_allowed| applications::fork_secrets.eq(is_allowed)),
        patch
            .description
            .as_deref()
            .map(|text| applications::description.eq(clean(text))),
        patch
            .repo_url
            .as_deref()
            .map(|text| applications::repo_url.eq(clean(text))),
        applications::updated_time.eq(Millis::now().0),
    );
    on_backend!(conn, |conn| diesel::update(target).set(texts).execute(conn))?;
    Ok(())
}
