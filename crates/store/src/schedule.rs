//! When the schedules of applications come due. What they say is in the trigger; here is only the next time of each.

use diesel::{BoolExpressionMethods, ExpressionMethods, QueryDsl, RunQueryDsl};
use flowcd_model::{
    delivery::{Delivered, Delivery},
    id::AppId,
    time::Millis,
};

use crate::{
    Result, Store, TaskInsert,
    conn::{Conn, on_backend},
    delivery,
    row::{RowId, readable},
    schema::schedules,
};

/// Schedules that are looked at in one pass.
const MAX_DUE: i64 = 500;

/// When an entry of an application's schedule comes due.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ScheduleInsert {
    /// What the entry says, hashed: at most 64 characters.
    pub entry: String,
    /// Its next time.
    pub next_time: Millis,
}

/// An entry that has come due.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DueSchedule {
    /// The application.
    pub app_id: AppId,
    /// What the entry says, hashed.
    pub entry: String,
    /// The time that has come.
    pub due_time: Millis,
}

/// Puts the entries of an application in the place of those it has. One that it has keeps its time, so that a change
/// of something else loses none.
pub(crate) fn replace(conn: &mut Conn, app_id: &AppId, entries: &[ScheduleInsert]) -> Result<()> {
    let kept: Vec<&str> = entries.iter().map(|it| it.entry.as_str()).collect();
    on_backend!(conn, |conn| diesel::delete(
        schedules::table
            .filter(schedules::app_id.eq(app_id.as_str()))
            .filter(schedules::entry.ne_all(&kept))
    )
    .execute(conn))?;
    for entry in entries {
        on_backend!(conn, |conn| diesel::insert_into(schedules::table)
            .values((
                schedules::app_id.eq(app_id.as_str()),
                schedules::entry.eq(&entry.entry),
                schedules::next_time.eq(entry.next_time.0),
            ))
            .on_conflict((schedules::app_id, schedules::entry))
            .do_nothing()
            .execute(conn))?;
    }
    Ok(())
}

impl Store {
    /// The schedules that have come due by `now`, the longest due first.
    pub async fn due_schedules(&self, now: Millis) -> Result<Vec<DueSchedule>> {
        self.read(move |conn| {
            let rows: Vec<(String, String, i64)> = on_backend!(conn, |conn| schedules::table
                .filter(schedules::next_time.le(now.0))
                .order((schedules::next_time, schedules::app_id, schedules::entry))
                .limit(MAX_DUE)
                .select((schedules::app_id, schedules::entry, schedules::next_time))
                .load(conn))?;
            readable(rows, |(app_id, entry, next_time)| {
                let row = RowId {
                    table: "schedules",
                    id: &app_id,
                };
                Ok(DueSchedule {
                    app_id: row.text("app_id", app_id.clone())?,
                    entry,
                    due_time: Millis(next_time),
                })
            })
        })
        .await
    }

    /// Moves a schedule that has come due to its next time, or ends it when there is none, and keeps what came of it.
    /// `None` when somebody else has done so, or the schedule is gone: then nothing is kept.
    pub async fn tick(
        &self,
        due: &DueSchedule,
        next_time: Option<Millis>,
        happened: Option<(Delivery, Vec<TaskInsert>)>,
    ) -> Result<Option<Delivered>> {
        let due = due.clone();
        self.write(move |conn| {
            let is_due = schedules::app_id
                .eq(due.app_id.as_str())
                .and(schedules::entry.eq(&due.entry))
                .and(schedules::next_time.eq(due.due_time.0));
            let n_moved = match next_time {
                Some(next) => {
                    on_backend!(conn, |conn| diesel::update(schedules::table.filter(is_due))
                        .set(schedules::next_time.eq(next.0))
                        .execute(conn))?
                }
                None => on_backend!(conn, |conn| diesel::delete(schedules::table.filter(is_due))
                    .execute(conn))?,
            };
            match &happened {
                Some((happened, tasks)) if n_moved == 1 => {
                    delivery::record_in(conn, happened.clone(), tasks)
                }
                _ => Ok(None),
            }
        })
        .await
    }
}
