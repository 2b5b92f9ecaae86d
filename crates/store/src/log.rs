//! The index of log segments. The bytes are in the object store.

mod times;

use diesel::{
    BoolExpressionMethods, ExpressionMethods, Insertable, OptionalExtension, QueryDsl, Queryable,
    RunQueryDsl, Selectable, SelectableHelper, dsl::sql, sql_types::Bool,
};
use flowcd_model::{id::TaskId, log::LogTime, step::StepCount, time::Millis};

use crate::{
    Claim, Error, Lease, Result, Store,
    conn::{Conn, on_backend},
    row::RowId,
    schema::{
        log_segments::{self as segments, dsl},
        tasks,
    },
};

/// Where `completed` stands: after every number that a step can have.
const COMPLETED: i32 = 1_000_000;

/// Segments of one INSERT: ten columns each, and PostgreSQL takes 65,535 values.
const MAX_INSERTED: usize = 1_000;

/// Above what a log has whose size is limited. Whoever wants more asks again from where this ends.
const MAX_LISTED: i64 = 100_000;

/// Looks at a list that may move meanwhile. Two are almost always enough.
const MAX_LOOKS: usize = 100;

/// A piece of a step's log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Segment {
    /// The step that wrote it.
    pub step_count: StepCount,
    /// The offset of its first byte in the step's log.
    pub first_byte: u64,
    /// How many bytes of the log it stands for.
    pub n_bytes: u64,
    /// How many newlines there are before it.
    pub first_line: u64,
    /// How many newlines there are in it.
    pub n_lines: u64,
    /// The object that holds it; `None` where the log's size limit left a gap.
    pub object: Option<String>,
    /// Where in the object its compressed frame begins.
    pub object_offset: u64,
    /// How long the compressed frame is.
    pub object_bytes: u64,
    /// When its bytes were printed. Written only: [`Store::log_times`] reads them, and nobody else needs them.
    pub times: Vec<LogTime>,
}

/// How long a step's log is, gaps included.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LogSize {
    /// In bytes.
    pub n_bytes: u64,
    /// In newlines.
    pub n_lines: u64,
}

#[derive(Insertable, Queryable, Selectable)]
#[diesel(table_name = segments)]
struct SegmentRow {
    task_id: String,
    step_count: i32,
    first_byte: i64,
    n_bytes: i64,
    first_line: i64,
    n_lines: i64,
    object: Option<String>,
    object_offset: i64,
    object_bytes: i64,
}

/// A segment with what only few readers want.
#[derive(Insertable)]
#[diesel(table_name = segments)]
struct NewSegmentRow {
    #[diesel(embed)]
    segment: SegmentRow,
    times: String,
}

impl NewSegmentRow {
    fn new(task_id: &TaskId, segment: &Segment) -> Result<Self> {
        Ok(Self {
            segment: SegmentRow::new(task_id, segment)?,
            times: times::encode(segment.first_byte, &segment.times),
        })
    }
}

impl SegmentRow {
    fn new(task_id: &TaskId, segment: &Segment) -> Result<Self> {
        Ok(Self {
            task_id: task_id.to_string(),
            step_count: step_number(segment.step_count)?,
            first_byte: number("first_byte", segment.first_byte)?,
            n_bytes: number("n_bytes", segment.n_bytes)?,
            first_line: number("first_line", segment.first_line)?,
            n_lines: number("n_lines", segment.n_lines)?,
            object: segment.object.clone(),
            object_offset: number("object_offset", segment.object_offset)?,
            object_bytes: number("object_bytes", segment.object_bytes)?,
        })
    }

    fn read(self, step_count: StepCount) -> Result<Segment> {
        let row = RowId {
            table: "log_segments",
            id: &self.task_id,
        };
        Ok(Segment {
            step_count,
            first_byte: row.count("first_byte", self.first_byte)?,
            n_bytes: row.count("n_bytes", self.n_bytes)?,
            first_line: row.count("first_line", self.first_line)?,
            n_lines: row.count("n_lines", self.n_lines)?,
            object: self.object,
            object_offset: row.count("object_offset", self.object_offset)?,
            object_bytes: row.count("object_bytes", self.object_bytes)?,
            times: Vec::new(),
        })
    }
}

fn number(what: &'static str, number: u64) -> Result<i64> {
    i64::try_from(number).map_err(|_| Error::OutOfRange(what))
}

fn step_number(step_count: StepCount) -> Result<i32> {
    match step_count {
        StepCount::Completed => Ok(COMPLETED),
        StepCount::Number(number) => i32::try_from(number)
            .ok()
            .filter(|number| *number < COMPLETED)
            .ok_or(Error::OutOfRange("step_count")),
    }
}

/// Inserts rows, but for those that are there. Those are the same: nobody else holds the claim, and he writes each
/// byte once.
fn insert(conn: &mut Conn, rows: &[NewSegmentRow]) -> Result<()> {
    let place = (dsl::task_id, dsl::step_count, dsl::first_byte);
    match conn {
        // One at a time costs nothing here, and the statement stays prepared.
        Conn::Sqlite(conn) => {
            for row in rows {
                diesel::insert_into(segments::table)
                    .values(row)
                    .on_conflict(place)
                    .do_nothing()
                    .execute(conn)?;
            }
        }
        Conn::Postgres(conn) => {
            for rows in rows.chunks(MAX_INSERTED) {
                diesel::insert_into(segments::table)
                    .values(rows)
                    .on_conflict(place)
                    .do_nothing()
                    .execute(conn)?;
            }
        }
    }
    Ok(())
}

fn rows(task_id: &TaskId, segments: &[Segment]) -> Result<Vec<NewSegmentRow>> {
    segments
        .iter()
        .map(|segment| NewSegmentRow::new(task_id, segment))
        .collect()
}

/// The segment that comes last.
fn last(conn: &mut Conn, task_id: &TaskId, step: i32) -> Result<Option<SegmentRow>> {
    let row = on_backend!(conn, |conn| segments::table
        .filter(dsl::task_id.eq(task_id.as_str()))
        .filter(dsl::step_count.eq(step))
        .order(dsl::first_byte.desc())
        .select(SegmentRow::as_select())
        .first(conn)
        .optional())?;
    Ok(row)
}

/// At most `limit` segments from `first_byte` on that end after `from_byte`.
fn list(
    conn: &mut Conn,
    task_id: &TaskId,
    step: i32,
    (first_byte, from_byte): (i64, i64),
    limit: i64,
) -> Result<Vec<SegmentRow>> {
    let rows = on_backend!(conn, |conn| segments::table
        .filter(dsl::task_id.eq(task_id.as_str()))
        .filter(dsl::step_count.eq(step))
        .filter(dsl::first_byte.ge(first_byte))
        .filter(
            dsl::first_byte
                .gt(from_byte)
                .or((dsl::first_byte + dsl::n_bytes).gt(from_byte))
        )
        .order(dsl::first_byte)
        .limit(limit)
        .select(SegmentRow::as_select())
        .load(conn))?;
    Ok(rows)
}

/// Lists segments from a place that was looked up just before. The answer of `look` is that place, where there must be
/// a segment, and the list.
///
/// In between, a step's segments may have been put together to fewer: then the list begins behind that place, and what
/// is missing would be taken for a gap. So it looks again; a step's segments are not moved often.
fn listed(
    mut look: impl FnMut() -> Result<(Option<i64>, Vec<SegmentRow>)>,
) -> Result<Vec<SegmentRow>> {
    for _ in 1..MAX_LOOKS {
        let (first, rows) = look()?;
        let begins_at = rows.first().map(|row| row.first_byte);
        if first.is_none() || first == begins_at {
            return Ok(rows);
        }
    }
    look().map(|(_, rows)| rows)
}

fn read_all(rows: Vec<SegmentRow>, step_count: StepCount) -> Result<Vec<Segment>> {
    rows.into_iter().map(|row| row.read(step_count)).collect()
}

impl Store {
    /// Adds segments to the log of the claimed task. Adding the same one again changes nothing.
    pub async fn append_segments(&self, claim: &Claim, segments: Vec<Segment>) -> Result<Lease> {
        let claim = claim.clone();
        let rows = rows(&claim.task_id, &segments)?;
        self.write(move |conn| {
            let lease = claim.lease(conn)?;
            if lease != Lease::Lost {
                insert(conn, &rows)?;
            }
            Ok(lease)
        })
        .await
    }

    /// Puts `segments` in the place of all segments of a step of the claimed task.
    pub async fn replace_segments(
        &self,
        claim: &Claim,
        step_count: StepCount,
        segments: Vec<Segment>,
    ) -> Result<Lease> {
        let claim = claim.clone();
        let step = step_number(step_count)?;
        if segments
            .iter()
            .any(|segment| segment.step_count != step_count)
        {
            return Err(Error::OutOfRange("step_count"));
        }
        let rows = rows(&claim.task_id, &segments)?;
        self.write(move |conn| {
            let lease = claim.lease(conn)?;
            if lease != Lease::Lost {
                on_backend!(conn, |conn| diesel::delete(segments::table)
                    .filter(dsl::task_id.eq(claim.task_id.as_str()))
                    .filter(dsl::step_count.eq(step))
                    .execute(conn))?;
                insert(conn, &rows)?;
            }
            Ok(lease)
        })
        .await
    }

    /// At most `limit` segments in order, beginning with the one that covers `from_byte`.
    pub async fn segments(
        &self,
        task_id: &TaskId,
        step_count: StepCount,
        from_byte: u64,
        limit: i64,
    ) -> Result<Vec<Segment>> {
        let task_id = task_id.clone();
        let step = step_number(step_count)?;
        // No log reaches beyond what the database can count.
        let from_byte = i64::try_from(from_byte).unwrap_or(i64::MAX);
        let limit = limit.clamp(0, MAX_LISTED);
        self.read(move |conn| {
            let rows = listed(|| {
                let covering: Option<(i64, i64)> = on_backend!(conn, |conn| segments::table
                    .filter(dsl::task_id.eq(task_id.as_str()))
                    .filter(dsl::step_count.eq(step))
                    .filter(dsl::first_byte.le(from_byte))
                    .order(dsl::first_byte.desc())
                    .select((dsl::first_byte, dsl::n_bytes))
                    .first(conn)
                    .optional())?;
                let start = covering.map_or(from_byte, |(first_byte, _)| first_byte);
                let first = covering
                    .filter(|(first_byte, n_bytes)| first_byte.saturating_add(*n_bytes) > from_byte)
                    .filter(|_| limit > 0)
                    .map(|(first_byte, _)| first_byte);
                let rows = list(conn, &task_id, step, (start, from_byte), limit)?;
                Ok((first, rows))
            })?;
            read_all(rows, step_count)
        })
        .await
    }

    /// How long a step's log is; `None` when there is nothing yet.
    pub async fn log_size(
        &self,
        task_id: &TaskId,
        step_count: StepCount,
    ) -> Result<Option<LogSize>> {
        let task_id = task_id.clone();
        let step = step_number(step_count)?;
        self.read(move |conn| {
            let Some(last) = last(conn, &task_id, step)? else {
                return Ok(None);
            };
            let last = last.read(step_count)?;
            Ok(Some(LogSize {
                n_bytes: last.first_byte.saturating_add(last.n_bytes),
                n_lines: last.first_line.saturating_add(last.n_lines),
            }))
        })
        .await
    }

    /// The last segments in order, as few as hold `lines` newlines together; all when there are fewer newlines.
    pub async fn log_tail(
        &self,
        task_id: &TaskId,
        step_count: StepCount,
        lines: u64,
    ) -> Result<Vec<Segment>> {
        let task_id = task_id.clone();
        let step = step_number(step_count)?;
        let lines = i64::try_from(lines).unwrap_or(i64::MAX);
        self.read(move |conn| {
            let rows = listed(|| {
                let Some(last) = last(conn, &task_id, step)? else {
                    return Ok((None, Vec::new()));
                };
                let before = last
                    .first_line
                    .saturating_add(last.n_lines)
                    .saturating_sub(lines);
                let start: Option<i64> = on_backend!(conn, |conn| segments::table
                    .filter(dsl::task_id.eq(task_id.as_str()))
                    .filter(dsl::step_count.eq(step))
                    .filter(dsl::first_line.le(before))
                    .order(dsl::first_byte.desc())
                    .select(dsl::first_byte)
                    .first(conn)
                    .optional())?;
                let first = start.unwrap_or(0);
                let rows = list(conn, &task_id, step, (first, -1), MAX_LISTED)?;
                Ok((start, rows))
            })?;
            read_all(rows, step_count)
        })
        .await
    }

    /// The objects that hold the logs of a task, for their deletion.
    pub async fn task_objects(&self, task_id: &TaskId) -> Result<Vec<String>> {
        let task_id = task_id.clone();
        self.read(move |conn| {
            let objects: Vec<Option<String>> = on_backend!(conn, |conn| segments::table
                .filter(dsl::task_id.eq(task_id.as_str()))
                .filter(dsl::object.is_not_null())
                .select(dsl::object)
                .distinct()
                .order(dsl::object)
                .load(conn))?;
            Ok(objects.into_iter().flatten().collect())
        })
        .await
    }

    /// Tasks that ended before `before` and whose log was not forgotten, the oldest first, at most `limit`.
    pub async fn tasks_with_old_logs(&self, before: Millis, limit: i64) -> Result<Vec<TaskId>> {
        let limit = limit.clamp(0, MAX_LISTED);
        self.read(move |conn| {
            let ids: Vec<String> = on_backend!(conn, |conn| tasks::table
                // As the index of such tasks says it: a bound value would not find it.
                .filter(sql::<Bool>("has_log"))
                .filter(tasks::finished_time.lt(before.0))
                .order((tasks::finished_time, tasks::id))
                .limit(limit)
                .select(tasks::id)
                .load(conn))?;
            // An id that is none belongs to no task that anybody can reach.
            Ok(ids.iter().filter_map(|id| id.parse().ok()).collect())
        })
        .await
    }

    /// Forgets the log of a task that has ended. Its objects are the caller's to remove, before this.
    pub async fn forget_log(&self, task_id: &TaskId) -> Result<()> {
        let task_id = task_id.clone();
        self.write(move |conn| {
            let n_forgotten = on_backend!(conn, |conn| diesel::update(
                tasks::table.find(task_id.as_str())
            )
            .filter(tasks::finished_time.is_not_null())
            .set(tasks::has_log.eq(false))
            .execute(conn))?;
            if n_forgotten > 0 {
                on_backend!(conn, |conn| diesel::delete(segments::table)
                    .filter(dsl::task_id.eq(task_id.as_str()))
                    .execute(conn))?;
            }
            Ok(())
        })
        .await
    }
}
