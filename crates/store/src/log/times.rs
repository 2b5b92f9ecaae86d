//! When the bytes of a log were printed.
//!
//! A step that prints a line every second for a day has 86,400 times, so a segment keeps them short: each as the
//! bytes and the milliseconds since the one before, `0:1668765432123 40:1000`.

use std::fmt::Write;

use diesel::{ExpressionMethods, QueryDsl, RunQueryDsl};
use flowcd_model::{
    id::TaskId,
    log::{LogTime, LogTimes},
    step::StepCount,
    time::Millis,
};

use super::{dsl, segments, step_number};
use crate::{Error, Result, Store, conn::on_backend, row::RowId};

/// Segments looked at by one query, and times after which no more are added.
const MAX_SEGMENTS: i64 = 64;
const MAX_TIMES: usize = 20_000;

/// The times of a segment as they are stored.
pub(super) fn encode(first_byte: u64, times: &[LogTime]) -> String {
    let mut text = String::new();
    let mut before = LogTime {
        from: first_byte,
        time: Millis(0),
    };
    for time in times {
        let separator = if text.is_empty() { "" } else { " " };
        let n_bytes = time.from.saturating_sub(before.from);
        let passed_ms = time.time.0.saturating_sub(before.time.0);
        // Writing to a text cannot fail.
        let _ = write!(text, "{separator}{n_bytes}:{passed_ms}");
        before = *time;
    }
    text
}

/// The times that [`encode`] wrote; `None` for a text that is none of its.
fn decode(first_byte: u64, text: &str) -> Option<Vec<LogTime>> {
    let mut before = LogTime {
        from: first_byte,
        time: Millis(0),
    };
    text.split_ascii_whitespace()
        .map(|part| {
            let (n_bytes, passed_ms) = part.split_once(':')?;
            before = LogTime {
                from: before.from.checked_add(n_bytes.parse().ok()?)?,
                time: Millis(before.time.0.checked_add(passed_ms.parse().ok()?)?),
            };
            Some(before)
        })
        .collect()
}

impl Store {
    /// When the bytes of a step's log were printed, from the time that holds for byte `from_byte` on: some thousands of
    /// times at most. Whoever wants more asks again from [`LogTimes::next`].
    ///
    /// Logs that were written before times were kept have none.
    pub async fn log_times(
        &self,
        task_id: &TaskId,
        step_count: StepCount,
        from_byte: u64,
    ) -> Result<LogTimes> {
        let task_id = task_id.clone();
        let step = step_number(step_count)?;
        let from = i64::try_from(from_byte).unwrap_or(i64::MAX);
        self.read(move |conn| {
            let rows: Vec<(i64, i64, String)> = on_backend!(conn, |conn| segments::table
                .filter(dsl::task_id.eq(task_id.as_str()))
                .filter(dsl::step_count.eq(step))
                .filter((dsl::first_byte + dsl::n_bytes).gt(from))
                .order(dsl::first_byte)
                .limit(MAX_SEGMENTS)
                .select((dsl::first_byte, dsl::n_bytes, dsl::times))
                .load(conn))?;
            let row = RowId {
                table: "log_segments",
                id: task_id.as_str(),
            };
            let mut found = LogTimes {
                times: Vec::new(),
                next: from_byte,
            };
            for (first_byte, n_bytes, text) in rows {
                let first_byte = row.count("first_byte", first_byte)?;
                let n_bytes = row.count("n_bytes", n_bytes)?;
                let times = decode(first_byte, &text).ok_or_else(|| row.corrupt("times"))?;
                // What ends before the byte that is asked for is left out.
                let n_before = times.partition_point(|it| it.from <= from_byte);
                found.times.extend(&times[n_before.saturating_sub(1)..]);
                found.next = first_byte.saturating_add(n_bytes);
                if found.times.len() >= MAX_TIMES {
                    break;
                }
            }
            Ok::<_, Error>(found)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use flowcd_model::{log::LogTime, time::Millis};

    use super::{decode, encode};

    #[test]
    fn times_are_kept_short_and_come_back() {
        let time = |from, time| LogTime {
            from,
            time: Millis(time),
        };
        // A clock may be put back.
        let times = vec![
            time(100, 1_668_765_432_123),
            time(140, 1_668_765_433_123),
            time(141, 1_668_765_433_000),
        ];
        let text = encode(100, &times);
        assert_eq!(text, "0:1668765432123 40:1000 1:-123");
        assert_eq!(decode(100, &text), Some(times));
        assert_eq!(decode(100, ""), Some(Vec::new()));
        for wrong in ["x", "1", "1:", ":1", "-1:2", "18446744073709551615:1"] {
            assert_eq!(decode(1, wrong), None, "{wrong}");
        }
    }
}
