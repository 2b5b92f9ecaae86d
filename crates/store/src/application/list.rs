//! The list of a user's applications.

use diesel::{BoolExpressionMethods, ExpressionMethods, QueryDsl, RunQueryDsl, SelectableHelper};
use flowcd_model::{
    application::Application,
    id::{AppId, UserId},
};

use super::ApplicationRow;
use crate::{
    Error, Result, Store,
    conn::{Conn, on_backend},
    row::readable,
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

impl Store {
    /// The user's applications, the last changed first, and the cursor of the next part.
    pub async fn list_applications(
        &self,
        user_id: &UserId,
        limit: Option<i64>,
        cursor: Option<String>,
    ) -> Result<(Vec<Application>, Option<String>)> {
        let user_id = user_id.clone();
        let cursor = match cursor {
            Some(text) => Cursor::parse(&text)?,
            None => Cursor::start(),
        };
        let limit = limit.unwrap_or(MAX_LISTED).clamp(1, MAX_LISTED);
        self.read(move |conn| list(conn, &user_id, limit, &cursor))
            .await
    }
}

fn list(
    conn: &mut Conn,
    user_id: &UserId,
    limit: i64,
    cursor: &Cursor,
) -> Result<(Vec<Application>, Option<String>)> {
    use applications::{created_time, id, updated_time};
    let is_after_cursor = updated_time.lt(cursor.updated_time).or(created_time
        .lt(cursor.created_time)
        .or(created_time.eq(cursor.created_time).and(id.lt(&cursor.id))));
    let mut rows: Vec<ApplicationRow> = on_backend!(conn, |conn| applications::table
        .filter(applications::user_id.eq(user_id.as_str()))
        // Said for the index; the rest is for rows of the same moment.
        .filter(updated_time.le(cursor.updated_time))
        .filter(is_after_cursor)
        .order((updated_time.desc(), created_time.desc(), id.desc()))
        .limit(limit + 1)
        .select(ApplicationRow::as_select())
        .load(conn))?;
    let has_more = rows.len() as i64 > limit;
    rows.truncate(limit as usize);
    let next = match rows.last() {
        Some(last) if has_more => Some(Cursor::after(last)),
        _ => None,
    };
    Ok((readable(rows, ApplicationRow::read)?, next))
}
