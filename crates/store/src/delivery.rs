//! Deliveries: what came in, the verdict, and the tasks that it made, all in one transaction.

mod told;

use std::collections::BTreeMap;

use diesel::{
    ExpressionMethods, Insertable, OptionalExtension, QueryDsl, Queryable, RunQueryDsl, Selectable,
    SelectableHelper,
};
use flowcd_model::{
    application::Application,
    delivery::{Delivered, Delivery, DeliveryPage, DeliveryQuery},
    id::{AppId, DeliveryId, UserId},
    time::Millis,
};

use crate::{
    Error, Result, Store, TaskInsert, WebhookSecret,
    application::webhook_target_of,
    conn::{Conn, on_backend},
    row::{RowId, clean, readable, to_json},
    schema::{applications, deliveries},
    task,
};

/// How hard bodies are compressed: they come in bursts, and most are a few kilobytes of JSON.
const ZSTD_LEVEL: i32 = 1;
/// The longest body that is read back, in bytes. Longer ones are never stored.
const MAX_BODY_BYTES: usize = 32 * 1024 * 1024;
/// Deliveries on a page, where nobody says.
const DEFAULT_LIMIT: i64 = 20;
/// Deliveries that are removed in one transaction.
const MAX_REMOVED: i64 = 1_000;

/// What a webhook's receiver needs to know of an application.
#[derive(Clone, Debug)]
pub struct WebhookTarget {
    /// The application.
    pub application: Application,
    /// What its host signs with.
    pub secret: WebhookSecret,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = deliveries)]
struct DeliveryRow {
    id: String,
    app_id: String,
    provider: String,
    kind: String,
    delivery_key: String,
    event: String,
    git_ref: Option<String>,
    commit_id: Option<String>,
    message: String,
    verdict: String,
    reason: String,
    rules: String,
    task_ids: String,
    replay_of: Option<String>,
    body_bytes: i64,
    duration_us: i64,
    created_time: i64,
}

#[derive(Insertable)]
#[diesel(table_name = deliveries)]
struct NewDeliveryRow {
    id: String,
    app_id: String,
    provider: &'static str,
    kind: &'static str,
    delivery_key: String,
    event: String,
    git_ref: Option<String>,
    commit_id: Option<String>,
    message: String,
    verdict: &'static str,
    reason: String,
    rules: String,
    task_ids: String,
    replay_of: Option<String>,
    headers: String,
    body_zstd: Option<Vec<u8>>,
    body_bytes: i64,
    duration_us: i64,
    created_time: i64,
}

impl DeliveryRow {
    fn row_id(&self) -> RowId<'_> {
        RowId {
            table: "deliveries",
            id: &self.id,
        }
    }

    fn read(self) -> Result<Delivery> {
        let row = self.row_id();
        Ok(Delivery {
            id: row.text("id", self.id.clone())?,
            app_id: row.text("app_id", self.app_id.clone())?,
            provider: row.name("provider", &self.provider)?,
            kind: row.name("kind", &self.kind)?,
            event: row.json("event", &self.event)?,
            verdict: row.name("verdict", &self.verdict)?,
            rules: row.json("rules", &self.rules)?,
            task_ids: row.json("task_ids", &self.task_ids)?,
            replay_of: match &self.replay_of {
                Some(id) => Some(row.text("replay_of", id.clone())?),
                None => None,
            },
            key: self.delivery_key,
            git_ref: self.git_ref,
            commit: self.commit_id,
            message: self.message,
            reason: self.reason,
            body_bytes: self.body_bytes,
            created_time: Millis(self.created_time),
            duration_ms: self.duration_us as f64 / 1_000.0,
            headers: None,
            body: None,
        })
    }

    fn delivered(self) -> Result<Delivered> {
        self.read().map(repetition)
    }
}

/// What a delivery that comes again has led to.
fn repetition(delivery: Delivery) -> Delivered {
    Delivered {
        is_duplicate: true,
        ..new_delivered(&delivery)
    }
}

impl NewDeliveryRow {
    fn new(delivery: Delivery) -> Result<Self> {
        let headers: BTreeMap<String, String> = delivery.headers.unwrap_or_default();
        let body_zstd = delivery
            .body
            .map(|body| zstd::bulk::compress(body.as_bytes(), ZSTD_LEVEL))
            .transpose()
            .map_err(|_| Error::OutOfRange("body"))?;
        Ok(Self {
            id: delivery.id.into(),
            app_id: delivery.app_id.into(),
            provider: delivery.provider.as_str(),
            kind: delivery.kind.as_str(),
            delivery_key: clean(&delivery.key),
            event: to_json("event", &delivery.event)?,
            git_ref: delivery.git_ref.as_deref().map(clean),
            commit_id: delivery.commit.as_deref().map(clean),
            message: clean(&delivery.message),
            verdict: delivery.verdict.as_str(),
            reason: clean(&delivery.reason),
            rules: to_json("rules", &delivery.rules)?,
            task_ids: to_json("task_ids", &delivery.task_ids)?,
            replay_of: delivery.replay_of.map(String::from),
            headers: to_json("headers", &headers)?,
            body_zstd,
            body_bytes: delivery.body_bytes,
            duration_us: (delivery.duration_ms * 1_000.0) as i64,
            created_time: delivery.created_time.0,
        })
    }
}

impl Store {
    /// What the receiver of an application's webhooks needs to know; `None` when there is no such application.
    pub async fn webhook_target(&self, id: &AppId) -> Result<Option<WebhookTarget>> {
        let id = id.clone();
        let keyring = self.inner.keyring.clone();
        self.read(move |conn| webhook_target_of(conn, &keyring, &id))
            .await
    }

    /// Keeps a delivery with the tasks that it makes, pending; `None` when the application is gone.
    ///
    /// When the same delivery has been kept before, nothing is changed, and the answer is what it led to then.
    pub async fn record_delivery(
        &self,
        delivery: Delivery,
        tasks: Vec<TaskInsert>,
    ) -> Result<Option<Delivered>> {
        let answer = new_delivered(&delivery);
        let row = NewDeliveryRow::new(delivery)?;
        self.write(move |conn| {
            let recorded = record(conn, &row, &tasks)?;
            Ok(recorded.map(|first| first.unwrap_or_else(|| answer.clone())))
        })
        .await
    }

    /// Deliveries of an application of the user, newest first; `None` when he has no such one.
    pub async fn list_deliveries(
        &self,
        user_id: &UserId,
        query: DeliveryQuery,
    ) -> Result<Option<DeliveryPage>> {
        let user_id = user_id.clone();
        if let Some(cursor) = &query.cursor {
            cursor
                .parse::<DeliveryId>()
                .map_err(|_| Error::InvalidCursor)?;
        }
        self.read(move |conn| {
            if !is_owned(conn, &user_id, &query.app_id)? {
                return Ok(None);
            }
            list(conn, &query).map(Some)
        })
        .await
    }

    /// A delivery of the user with its headers and its body.
    pub async fn delivery(&self, user_id: &UserId, id: &DeliveryId) -> Result<Option<Delivery>> {
        let (user_id, id) = (user_id.clone(), id.clone());
        self.read(move |conn| {
            let found: Option<(DeliveryRow, String, Option<Vec<u8>>)> =
                on_backend!(conn, |conn| deliveries::table
                    .find(id.as_str())
                    .select((
                        DeliveryRow::as_select(),
                        deliveries::headers,
                        deliveries::body_zstd
                    ))
                    .first(conn)
                    .optional())?;
            let Some((row, headers, body)) = found else {
                return Ok(None);
            };
            let delivery = row.read()?;
            if !is_owned(conn, &user_id, &delivery.app_id)? {
                return Ok(None);
            }
            let row = RowId {
                table: "deliveries",
                id: id.as_str(),
            };
            let body = body.map(|body| {
                let body = zstd::bulk::decompress(&body, MAX_BODY_BYTES).ok();
                body.and_then(|body| String::from_utf8(body).ok())
                    .ok_or_else(|| row.corrupt("body_zstd"))
            });
            Ok(Some(Delivery {
                headers: Some(row.json("headers", &headers)?),
                body: body.transpose()?,
                ..delivery
            }))
        })
        .await
    }

    /// Removes deliveries that came before `before`, and of each application those beyond its newest `max_per_app`;
    /// answers how many. Their tasks stay.
    pub async fn remove_old_deliveries(
        &self,
        before: Option<Millis>,
        max_per_app: i64,
    ) -> Result<u64> {
        let mut n_removed = 0;
        if let Some(before) = before {
            loop {
                let n = self.write(move |conn| remove_before(conn, before)).await?;
                n_removed += n;
                if n < MAX_REMOVED as u64 {
                    break;
                }
            }
        }
        let apps: Vec<String> = self
            .read(|conn| {
                let apps = on_backend!(conn, |conn| applications::table
                    .order(applications::id)
                    .select(applications::id)
                    .load(conn))?;
                Ok(apps)
            })
            .await?;
        for app in apps {
            loop {
                let app = app.clone();
                let n = self
                    .write(move |conn| remove_beyond(conn, &app, max_per_app))
                    .await?;
                n_removed += n;
                if n < MAX_REMOVED as u64 {
                    break;
                }
            }
        }
        Ok(n_removed)
    }
}

fn new_delivered(delivery: &Delivery) -> Delivered {
    Delivered {
        delivery_id: delivery.id.clone(),
        task_id: delivery.task_ids.first().cloned(),
        task_ids: delivery.task_ids.clone(),
        verdict: delivery.verdict,
        reason: delivery.reason.clone(),
        is_duplicate: false,
    }
}

/// Writes a delivery and its tasks: `None` when the application is gone, `Some(None)` when they are written, and what
/// the first one led to when there was one.
fn record(
    conn: &mut Conn,
    row: &NewDeliveryRow,
    tasks: &[TaskInsert],
) -> Result<Option<Option<Delivered>>> {
    let inserted = on_backend!(conn, |conn| diesel::insert_into(deliveries::table)
        .values(row)
        .on_conflict((
            deliveries::app_id,
            deliveries::provider,
            deliveries::delivery_key
        ))
        .do_nothing()
        .execute(conn))
    .map_err(Error::Database);
    match inserted {
        Ok(0) => return Ok(first_delivered(conn, row)?.map(Some)),
        Ok(_) => {}
        Err(err) if err.is_foreign_key_violation() => return Ok(None),
        Err(err) => return Err(err),
    }
    for insert in tasks {
        if task::create(conn, insert)?.is_none() {
            // The application is locked by the delivery that refers to it, so it is there; but not this user's.
            return Err(Error::OutOfRange("user_id"));
        }
    }
    Ok(Some(None))
}

fn first_delivered(conn: &mut Conn, row: &NewDeliveryRow) -> Result<Option<Delivered>> {
    let first: Option<DeliveryRow> = on_backend!(conn, |conn| deliveries::table
        .filter(deliveries::app_id.eq(&row.app_id))
        .filter(deliveries::provider.eq(row.provider))
        .filter(deliveries::delivery_key.eq(&row.delivery_key))
        .select(DeliveryRow::as_select())
        .first(conn)
        .optional())?;
    first.map(DeliveryRow::delivered).transpose()
}

/// As [`Store::record_delivery`], within a transaction of somebody else.
pub(crate) fn record_in(
    conn: &mut Conn,
    delivery: Delivery,
    tasks: &[TaskInsert],
) -> Result<Option<Delivered>> {
    let answer = new_delivered(&delivery);
    let row = NewDeliveryRow::new(delivery)?;
    let recorded = record(conn, &row, tasks)?;
    Ok(recorded.map(|first| first.unwrap_or(answer)))
}

fn is_owned(conn: &mut Conn, user_id: &UserId, app_id: &AppId) -> Result<bool> {
    let owner: Option<String> = on_backend!(conn, |conn| applications::table
        .find(app_id.as_str())
        .filter(applications::user_id.eq(user_id.as_str()))
        .select(applications::id)
        .first(conn)
        .optional())?;
    Ok(owner.is_some())
}

fn list(conn: &mut Conn, query: &DeliveryQuery) -> Result<DeliveryPage> {
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT).max(1);
    // After every letter and digit.
    let after = query.cursor.as_deref().unwrap_or("~");
    let verdict = query.verdict.map(|verdict| verdict.as_str());
    let mut rows: Vec<DeliveryRow> = on_backend!(conn, |conn| {
        let mut rows = deliveries::table
            .filter(deliveries::app_id.eq(query.app_id.as_str()))
            .filter(deliveries::id.lt(after))
            .into_boxed();
        if let Some(verdict) = verdict {
            rows = rows.filter(deliveries::verdict.eq(verdict));
        }
        rows.order(deliveries::id.desc())
            .limit(limit + 1)
            .select(DeliveryRow::as_select())
            .load(conn)
    })?;
    let has_more = rows.len() as i64 > limit;
    rows.truncate(limit as usize);
    let next_cursor = match rows.last() {
        Some(last) if has_more => Some(last.id.clone()),
        _ => None,
    };
    Ok(DeliveryPage {
        result: readable(rows, DeliveryRow::read)?,
        next_cursor,
    })
}

fn remove_before(conn: &mut Conn, before: Millis) -> Result<u64> {
    // Ids grow with time; their first characters are the time.
    let bound = DeliveryId::first_of(before);
    let old: Vec<String> = on_backend!(conn, |conn| deliveries::table
        .filter(deliveries::id.lt(bound.as_str()))
        .order(deliveries::id)
        .limit(MAX_REMOVED)
        .select(deliveries::id)
        .load(conn))?;
    remove(conn, &old)
}

fn remove_beyond(conn: &mut Conn, app_id: &str, max: i64) -> Result<u64> {
    let newest_to_go: Option<String> = on_backend!(conn, |conn| deliveries::table
        .filter(deliveries::app_id.eq(app_id))
        .order(deliveries::id.desc())
        .offset(max)
        .select(deliveries::id)
        .first(conn)
        .optional())?;
    let Some(bound) = newest_to_go else {
        return Ok(0);
    };
    let old: Vec<String> = on_backend!(conn, |conn| deliveries::table
        .filter(deliveries::app_id.eq(app_id))
        .filter(deliveries::id.le(&bound))
        .order(deliveries::id)
        .limit(MAX_REMOVED)
        .select(deliveries::id)
        .load(conn))?;
    remove(conn, &old)
}

fn remove(conn: &mut Conn, ids: &[String]) -> Result<u64> {
    let n = on_backend!(conn, |conn| diesel::delete(
        deliveries::table.filter(deliveries::id.eq_any(ids))
    )
    .execute(conn))?;
    Ok(n as u64)
}
