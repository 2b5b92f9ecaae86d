//! Looking at repositories: when it is time, and what they said the last time.

use std::collections::BTreeMap;

use diesel::{ExpressionMethods, OptionalExtension, QueryDsl, RunQueryDsl};
use flowcd_model::{application::Application, id::AppId, time::Millis};

use crate::{
    Result, Store,
    conn::{Conn, on_backend},
    row::{RowId, clean, to_json},
    schema::{applications, polled_refs},
};

/// What the refs of a repository point to: full name to commit.
pub type Refs = BTreeMap<String, String>;

/// A look at a repository, as things stood when it began. What it brings counts as long as nobody else has looked
/// since, and the application is still for this repository.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Look {
    /// The application.
    pub app_id: AppId,
    /// The repository that is looked at.
    pub repo_url: String,
    /// When somebody looked before.
    pub polled_time: Option<Millis>,
}

impl Look {
    /// A look that begins now; the application was read just before.
    pub fn new(application: &Application) -> Self {
        Self {
            app_id: application.id.clone(),
            repo_url: application.repo_url.clone(),
            polled_time: application.polled_time,
        }
    }

    /// Whether it still counts; if so, nobody else's look does until the transaction ends.
    pub(crate) fn lock(&self, conn: &mut Conn) -> Result<bool> {
        let query = applications::table.find(self.app_id.as_str()).select((
            applications::repo_url,
            applications::polled_time,
            applications::poll_seconds,
        ));
        let found: Option<(String, Option<i64>, Option<i64>)> = match conn {
            Conn::Sqlite(conn) => query.first(conn).optional()?,
            Conn::Postgres(conn) => query.for_no_key_update().first(conn).optional()?,
        };
        Ok(found.is_some_and(|(repo_url, polled_time, poll_seconds)| {
            repo_url == self.repo_url
                && polled_time == self.polled_time.map(|it| it.0)
                && poll_seconds.is_some()
        }))
    }
}

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

/// Forgets what was seen in another repository than this one, which is looked at soon.
pub(crate) fn set_repository(conn: &mut Conn, app_id: &AppId, url: &str) -> Result<()> {
    let n_changed = on_backend!(conn, |conn| diesel::update(
        applications::table.find(app_id.as_str())
    )
    .filter(applications::repo_url.ne(url))
    .filter(applications::poll_seconds.is_not_null())
    .set((
        applications::poll_time.eq(Some(Millis::now().0)),
        applications::polled_time.eq(None::<i64>),
        applications::poll_problem.eq(None::<String>),
    ))
    .execute(conn))?;
    match n_changed {
        0 => Ok(()),
        _ => forget(conn, app_id),
    }
}

fn forget(conn: &mut Conn, app_id: &AppId) -> Result<()> {
    on_backend!(conn, |conn| diesel::delete(
        polled_refs::table.find(app_id.as_str())
    )
    .execute(conn))?;
    Ok(())
}

impl Store {
    /// Takes at most so many applications whose repository is due to be looked at, the longest due first: nobody else
    /// gets them before their next time.
    pub async fn claim_polls(&self, now: Millis, max: usize) -> Result<Vec<AppId>> {
        let max = i64::try_from(max).unwrap_or(i64::MAX);
        self.write(move |conn| {
            let due: Vec<(String, Option<i64>, Option<i64>)> =
                on_backend!(conn, |conn| applications::table
                    .filter(applications::poll_time.le(now.0))
                    .order((applications::poll_time, applications::id))
                    .limit(max)
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

    /// Keeps what a look brought: the refs of the repository, unless they are those that are kept already, or why
    /// there are none. Nothing, when the look counts no more.
    pub async fn set_polled(
        &self,
        look: &Look,
        now: Millis,
        outcome: std::result::Result<Option<&Refs>, &str>,
    ) -> Result<()> {
        let look = look.clone();
        let (refs, problem) = match outcome {
            Ok(Some(refs)) => (Some(clean(&to_json("refs", refs)?)), None),
            Ok(None) => (None, None),
            Err(problem) => (None, Some(clean(problem))),
        };
        self.write(move |conn| {
            if !look.lock(conn)? {
                return Ok(());
            }
            on_backend!(conn, |conn| diesel::update(
                applications::table.find(look.app_id.as_str())
            )
            .set((
                applications::polled_time.eq(now.0),
                applications::poll_problem.eq(&problem),
            ))
            .execute(conn))?;
            let Some(refs) = &refs else {
                return Ok(());
            };
            on_backend!(conn, |conn| diesel::insert_into(polled_refs::table)
                .values((
                    polled_refs::app_id.eq(look.app_id.as_str()),
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
