//! Looking at repositories: when it is time, and what they said the last time.

use std::collections::BTreeMap;

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl, RunQueryDsl};
use flowcd_model::{id::AppId, time::Millis};

use crate::{
    Result, Store,
    conn::{Conn, on_backend},
    row::{RowId, clean, to_json},
    schema::{applications, polled_refs},
};

/// Repositories that are looked at in one pass.
const MAX_DUE: i64 = 100;

/// What the refs of a repository point to: full name to commit.
pub type Refs = BTreeMap<String, String>;

/// Changes how often an application's repository is looked at; 0 ends it. What was seen before is forgotten, so that
/// it begins with what is there then.
pub(crate) fn set(conn: &mut Conn, app_id: &AppId, seconds: i64) -> Result<()> {
    let had: Option<i64> = on_backend!(conn, |conn| applications::table
        .find(app_id.as_str())
        .select(applications::poll_seconds)
        .first(conn))?;
    let seconds = (seconds > 0).then_some(seconds);
    on_backend!(conn, |conn| diesel::update(
        applications::table.find(app_id.as_str())
    )
    .set((
        applications::poll_seconds.eq(seconds),
        applications::poll_time.eq(seconds.map(|_| Millis::now().0)),
        applications::poll_problem.eq(None::<String>),
    ))
    .execute(conn))?;
    if had.is_none() || seconds.is_none() {
        forget(conn, app_id)?;
    }
    Ok(())
}

fn forget(conn: &mut Conn, app_id: &AppId) -> Result<()> {
    on_backend!(conn, |conn| diesel::delete(
        polled_refs::table.find(app_id.as_str())
    )
    .execute(conn))?;
    Ok(())
}

impl Store {
    /// Takes the applications whose repository is due to be looked at: nobody else gets them before their next time.
    pub async fn claim_polls(&self, now: Millis) -> Result<Vec<AppId>> {
        self.write(move |conn| {
            let due: Vec<(String, Option<i64>, Option<i64>)> =
                on_backend!(conn, |conn| applications::table
                    .filter(applications::poll_time.le(now.0))
                    .order((applications::poll_time, applications::id))
                    .limit(MAX_DUE)
                    .select((
                        applications::id,
                        applications::poll_time,
                        applications::poll_seconds
                    ))
                    .load(conn))?;
            let mut taken = Vec::with_capacity(due.len());
            for (id, time, seconds) in due {
                let next = seconds.map(|seconds| now.plus_ms(seconds.saturating_mul(1_000)).0);
                let n_taken =
                    on_backend!(conn, |conn| diesel::update(applications::table.find(&id))
                        .filter(applications::poll_time.eq(time))
                        .set(applications::poll_time.eq(next))
                        .execute(conn))?;
                if n_taken == 1
                    && let Ok(id) = id.parse()
                {
                    taken.push(id);
                }
            }
            Ok(taken)
        })
        .await
    }

    /// Makes every repository that is looked at at all due at once: webhooks may have been missed.
    pub async fn poll_all(&self, now: Millis) -> Result<()> {
        self.write(move |conn| {
            on_backend!(conn, |conn| diesel::update(applications::table)
                .filter(applications::poll_time.gt(now.0))
                .set(applications::poll_time.eq(now.0))
                .execute(conn))?;
            Ok(())
        })
        .await
    }

    /// What the repository said the last time; `None` when it was never looked at.
    pub async fn polled_refs(&self, app_id: &AppId) -> Result<Option<Refs>> {
        let app_id = app_id.clone();
        self.read(move |conn| {
            let refs: Option<String> = on_backend!(conn, |conn| polled_refs::table
                .find(app_id.as_str())
                .select(polled_refs::refs)
                .first(conn)
                .optional())?;
            let row = RowId {
                table: "polled_refs",
                id: app_id.as_str(),
            };
            refs.map(|refs| row.json("refs", &refs)).transpose()
        })
        .await
    }

    /// Keeps what a look at the repository brought: its refs, or why there are none.
    pub async fn set_polled(
        &self,
        app_id: &AppId,
        now: Millis,
        outcome: std::result::Result<&Refs, &str>,
    ) -> Result<()> {
        let app_id = app_id.clone();
        let (refs, problem) = match outcome {
            Ok(refs) => (Some(clean(&to_json("refs", refs)?)), None),
            Err(problem) => (None, Some(clean(problem))),
        };
        self.write(move |conn| {
            let n_there = on_backend!(conn, |conn| diesel::update(
                applications::table.find(app_id.as_str())
            )
            .filter(applications::poll_seconds.is_not_null())
            .set((
                applications::polled_time.eq(now.0),
                applications::poll_problem.eq(&problem),
            ))
            .execute(conn))?;
            let Some(refs) = refs.as_ref().filter(|_| n_there == 1) else {
                return Ok(());
            };
            on_backend!(conn, |conn| diesel::insert_into(polled_refs::table)
                .values((
                    polled_refs::app_id.eq(app_id.as_str()),
                    polled_refs::refs.eq(refs),
                ))
                .on_conflict(polled_refs::app_id)
                .do_update()
                .set(polled_refs::refs.eq(refs))
                .execute(conn))?;
            Ok(())
        })
        .await
    }
}
