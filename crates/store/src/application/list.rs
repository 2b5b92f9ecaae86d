//! The list of a user's applications.

use diesel::{BoolExpressionMethods, ExpressionMethods, QueryDsl, RunQueryDsl, SelectableHelper};
use flowcd_model::{
    application::{Application, Provider},
    id::{AppId, UserId},
};
use serde::Serialize;
use serde_json::value::RawValue;

use super::ApplicationRow;
use crate::{
    Error, Result, Store,
    conn::{Conn, on_backend},
    row::{RowId, readable, to_json},
    schema::applications,
};

/// The published list has no end, but ours must: this is far above what anybody has.
const MAX_LISTED: i64 = 10_000;

/// Where a part of the list ended. The list is in descending order, so everything comes after [`Cursor::start`].
struct Cursor {
    updated_time: i64,
    created_time: i64,
    id: String,
}

impl Cursor {
    fn start() -> Self {
        Self {
            updated_time: i64::MAX,
            created_time: i64::MAX,
            // After every letter and digit.
            id: "~".to_owned(),
        }
    }

    fn parse(text: &str) -> Result<Self> {
        let mut parts = text.splitn(3, '.');
        let mut next = || parts.next().ok_or(Error::InvalidCursor);
        let (updated_time, created_time, id) = (next()?, next()?, next()?);
        Ok(Self {
            updated_time: updated_time.parse().map_err(|_| Error::InvalidCursor)?,
            created_time: created_time.parse().map_err(|_| Error::InvalidCursor)?,
            id: id
                .parse::<AppId>()
                .map_err(|_| Error::InvalidCursor)?
                .to_string(),
        })
    }

    fn after(row: &ApplicationRow) -> String {
        format!("{}.{}.{}", row.updated_time, row.created_time, row.id)
    }
}

/// An application as the list shows it. Its JSON columns are kept as they are shown, so they are passed through:
/// reading them into the model only to write them again takes longer than the query.
#[derive(Serialize)]
struct ShownApplication<'a> {
    id: &'a str,
    user_id: &'a str,
    provider: &'a str,
    provider_repo_id: &'a str,
    repo_name: &'a str,
    owner: &'a str,
    repo_url: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'a str,
    trigger_spec: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    secrets: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    envs: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    fork_secrets: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    poll_seconds: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    polled_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    poll_problem: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    latest_task: Option<&'a RawValue>,
    created_time: i64,
    updated_time: i64,
}

impl ApplicationRow {
    fn shown(&self) -> Result<ShownApplication<'_>> {
        let row = RowId {
            table: "applications",
            id: &self.id,
        };
        row.name::<AppId>("id", &self.id)?;
        row.name::<Provider>("provider", &self.provider)?;
        Ok(ShownApplication {
            id: &self.id,
            user_id: &self.user_id,
            provider: &self.provider,
            provider_repo_id: &self.provider_repo_id,
            repo_name: &self.repo_name,
            owner: &self.owner,
            repo_url: &self.repo_url,
            description: &self.description,
            trigger_spec: object(row, "trigger_spec", &self.trigger_spec)?,
            secrets: match self.secret_names.as_str() {
                "{}" => None,
                names => Some(object(row, "secret_names", names)?),
            },
            envs: optional_object(row, "envs", self.envs.as_deref())?,
            fork_secrets: self.fork_secrets,
            webhook: optional_object(row, "webhook", self.webhook.as_deref())?,
            poll_seconds: self.poll_seconds,
            polled_time: self.polled_time,
            poll_problem: self.poll_problem.as_deref(),
            latest_task: optional_object(row, "latest_task", self.latest_task.as_deref())?,
            created_time: self.created_time,
            updated_time: self.updated_time,
        })
    }
}

/// A column that holds a JSON object, checked but not read.
fn object<'a>(row: RowId<'_>, column: &'static str, text: &'a str) -> Result<&'a RawValue> {
    match serde_json::from_str(text) {
        Ok(json) if text.starts_with('{') => Ok(json),
        _ => Err(row.corrupt(column)),
    }
}

fn optional_object<'a>(
    row: RowId<'_>,
    column: &'static str,
    text: Option<&'a str>,
) -> Result<Option<&'a RawValue>> {
    text.map(|text| object(row, column, text)).transpose()
}

impl Store {
    /// The user's applications, the last changed first, and the cursor of the next part.
    pub async fn list_applications(
        &self,
        user_id: &UserId,
        limit: Option<i64>,
        cursor: Option<String>,
    ) -> Result<(Vec<Application>, Option<String>)> {
        let user_id = user_id.clone();
        let part = Part::new(limit, cursor)?;
        self.read(move |conn| {
            let (rows, next) = part.load(conn, &user_id)?;
            Ok((readable(rows, ApplicationRow::read)?, next))
        })
        .await
    }

    /// What [`Self::list_applications`] lists, as the JSON text of an array: the same text that its entries would
    /// give, at less than half the cost.
    pub async fn list_applications_json(
        &self,
        user_id: &UserId,
        limit: Option<i64>,
        cursor: Option<String>,
    ) -> Result<(String, Option<String>)> {
        let user_id = user_id.clone();
        let part = Part::new(limit, cursor)?;
        self.read(move |conn| {
            let (rows, next) = part.load(conn, &user_id)?;
            let shown = readable(rows.iter().collect(), |row: &ApplicationRow| row.shown())?;
            Ok((to_json("applications", &shown)?, next))
        })
        .await
    }
}

/// Which part of the list to answer.
struct Part {
    limit: i64,
    after: Cursor,
}

impl Part {
    fn new(limit: Option<i64>, cursor: Option<String>) -> Result<Self> {
        Ok(Self {
            limit: limit.unwrap_or(MAX_LISTED).clamp(1, MAX_LISTED),
            after: match cursor {
                Some(text) => Cursor::parse(&text)?,
                None => Cursor::start(),
            },
        })
    }

    /// The rows, and the cursor of those that follow.
    fn load(
        &self,
        conn: &mut Conn,
        owner: &UserId,
    ) -> Result<(Vec<ApplicationRow>, Option<String>)> {
        use applications::{created_time, id, updated_time, user_id};
        let Self { limit, after } = self;
        let is_after = updated_time.lt(after.updated_time).or(created_time
            .lt(after.created_time)
            .or(created_time.eq(after.created_time).and(id.lt(&after.id))));
        let mut rows: Vec<ApplicationRow> = on_backend!(conn, |conn| applications::table
            .filter(user_id.eq(owner.as_str()))
            // Said for the index; the rest is for rows of the same moment.
            .filter(updated_time.le(after.updated_time))
            .filter(is_after)
            .order((updated_time.desc(), created_time.desc(), id.desc()))
            .limit(limit + 1)
            .select(ApplicationRow::as_select())
            .load(conn))?;
        let has_more = rows.len() as i64 > *limit;
        rows.truncate(*limit as usize);
        let next = match rows.last() {
            Some(last) if has_more => Some(Cursor::after(last)),
            _ => None,
        };
        Ok((rows, next))
    }
}
