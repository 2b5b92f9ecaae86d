//! Pushes that may be told of twice: by the host, and by a look at the repository.

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl, RunQueryDsl, SelectableHelper};
use flowcd_model::{
    delivery::{Delivered, Delivery, DeliveryKind, Verdict},
    id::{AppId, DeliveryId},
    time::Millis,
};

use super::{DeliveryRow, record_in, repetition};
use crate::{
    Look, Result, Store, TaskInsert,
    conn::{Conn, on_backend},
    row::{clean, readable},
    schema::{applications, deliveries},
};

/// Deliveries of a ref among which its newest push is looked for; hosts also tell of jobs and reviews.
const MAX_OF_REF: i64 = 100;
/// Deliveries that are looked at for what was told since some time.
const MAX_TOLD: i64 = 1_000;

impl Store {
    /// As [`Self::record_delivery`], for a push that the host tells. When a look at the repository has deployed it
    /// already, it is kept with the tasks of that look and makes none, and the answer is what the look led to.
    pub async fn record_push(
        &self,
        delivery: Delivery,
        tasks: Vec<TaskInsert>,
    ) -> Result<Option<Delivered>> {
        self.write(move |conn| {
            if !lock(conn, &delivery.app_id)? {
                return Ok(None);
            }
            match told(conn, &delivery)? {
                Some((DeliveryKind::Poll, first)) if first.verdict == Verdict::Deployed => {
                    let kept = Delivery {
                        verdict: first.verdict,
                        reason: format!(
                            "a look at the repository had found this push already: delivery `{}` made its tasks",
                            first.delivery_id
                        ),
                        task_ids: first.task_ids.clone(),
                        ..delivery.clone()
                    };
                    Ok(record_in(conn, kept, &[])?.map(|_| first))
                }
                _ => record_in(conn, delivery.clone(), &tasks),
            }
        })
        .await
    }

    /// As [`Self::record_delivery`], for a push that a look at the repository found. When anything has told of it
    /// already, nothing is kept, and the answer is what that led to; `None` also when the look counts no more.
    pub async fn record_polled(
        &self,
        look: &Look,
        delivery: Delivery,
        tasks: Vec<TaskInsert>,
    ) -> Result<Option<Delivered>> {
        let look = look.clone();
        self.write(move |conn| {
            if !look.lock(conn)? {
                return Ok(None);
            }
            match told(conn, &delivery)? {
                Some((_, first)) => Ok(Some(first)),
                None => record_in(conn, delivery.clone(), &tasks),
            }
        })
        .await
    }

    /// What pushes that came from `from` until before `until` told of the refs of an application, the oldest first:
    /// where they point, or nowhere when they are gone. What somebody repeated does not count, nor what did not know
    /// its commit.
    pub async fn told_between(
        &self,
        app_id: &AppId,
        from: Millis,
        until: Millis,
    ) -> Result<Vec<(String, Option<String>)>> {
        let app_id = app_id.clone();
        self.read(move |conn| {
            let mut rows: Vec<DeliveryRow> = on_backend!(conn, |conn| deliveries::table
                .filter(deliveries::app_id.eq(app_id.as_str()))
                .filter(deliveries::id.ge(DeliveryId::first_of(from).as_str()))
                .filter(deliveries::id.lt(DeliveryId::first_of(until).as_str()))
                .filter(deliveries::git_ref.is_not_null())
                .filter(deliveries::kind.ne(DeliveryKind::Replay.as_str()))
                .order(deliveries::id.desc())
                .limit(MAX_TOLD)
                .select(DeliveryRow::as_select())
                .load(conn))?;
            rows.reverse();
            let pushes = readable(rows, DeliveryRow::read)?.into_iter();
            Ok(pushes
                .filter(|it| it.event.is_push())
                .filter(|it| it.commit.is_some() || it.verdict != Verdict::Deployed)
                .filter_map(|it| Some((it.git_ref?, it.commit)))
                .collect())
        })
        .await
    }
}

/// Keeps the application as it is until the transaction ends; whether it is there. SQLite has one writer.
fn lock(conn: &mut Conn, app_id: &AppId) -> Result<bool> {
    let query = applications::table
        .find(app_id.as_str())
        .select(applications::id);
    let found: Option<String> = match conn {
        Conn::Sqlite(conn) => query.first(conn).optional()?,
        Conn::Postgres(conn) => query.for_no_key_update().first(conn).optional()?,
    };
    Ok(found.is_some())
}

/// The delivery that told of the same push: the newest push of this ref, where it was of this commit. A ref that came
/// back to an old commit was told of something else in between. What somebody repeated may be old, so that it counts
/// beside what came by itself and not in its place. One that deploys without a commit leaves it to the repository to
/// say which, so it is of any commit.
fn told(conn: &mut Conn, delivery: &Delivery) -> Result<Option<(DeliveryKind, Delivered)>> {
    let git_ref = delivery.git_ref.as_deref().map(clean);
    let rows: Vec<DeliveryRow> = on_backend!(conn, |conn| deliveries::table
        .filter(deliveries::app_id.eq(delivery.app_id.as_str()))
        .filter(deliveries::git_ref.eq(&git_ref))
        .order(deliveries::id.desc())
        .limit(MAX_OF_REF)
        .select(DeliveryRow::as_select())
        .load(conn))?;
    let mut pushes = readable(rows, DeliveryRow::read)?;
    pushes.retain(|it| it.event.is_push());
    let is_same = |it: &&Delivery| match (&it.commit, &delivery.commit) {
        (Some(one), Some(other)) => one == other,
        (None, _) => it.verdict == Verdict::Deployed,
        (Some(_), None) => delivery.verdict == Verdict::Deployed,
    };
    let newest = pushes.first();
    let newest_of_itself = pushes.iter().find(|it| it.kind != DeliveryKind::Replay);
    // What a look has deployed may have been told of by the host since.
    let found = pushes
        .iter()
        .take_while(is_same)
        .find(|it| it.kind == DeliveryKind::Poll && it.verdict == Verdict::Deployed);
    let candidates = [newest_of_itself, newest].into_iter().flatten();
    let same = found.or_else(|| candidates.into_iter().find(is_same));
    Ok(same.map(|it| (it.kind, repetition(it.clone()))))
}
