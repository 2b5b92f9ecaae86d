//! Schedules of triggers: which times they mean.

mod due;

use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};
use flowcd_model::{
    application::Provider,
    time::Millis,
    trigger::{ScheduleRule, TriggerSpec},
};
use flowcd_store::ScheduleInsert;
use jiff::{Timestamp, tz::TimeZone};
use sha2::{Digest, Sha256};

pub(crate) use due::run_due;

use crate::error::{Error, Result};

/// What is kept of the hash of an entry, in hexadecimal digits.
const ENTRY_BYTES: usize = 16;

/// An entry of a schedule, read.
pub(crate) struct Schedule {
    cron: Cron,
    zone: TimeZone,
}

impl Schedule {
    /// Reads an entry that stands in `field`.
    pub(crate) fn new(field: &str, rule: &ScheduleRule) -> Result<Self> {
        let cron = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build()
            .parse(&rule.cron)
            .map_err(|err| {
                Error::invalid(
                    format!("{field}.cron"),
                    format!(
                        "{err}; it has five fields: minute, hour, day of the month, month, day of the week"
                    ),
                )
            })?;
        let zone = match rule.timezone.as_deref() {
            None => TimeZone::UTC,
            Some(name) => TimeZone::get(name).map_err(|_| {
                Error::invalid(
                    format!("{field}.timezone"),
                    "expected the name of a time zone, as in `Asia/Shanghai` or `UTC`",
                )
            })?,
        };
        Ok(Self { cron, zone })
    }

    /// The first time after `after`; `None` when there is none in the calendar.
    pub(crate) fn next_after(&self, after: Millis) -> Option<Millis> {
        let after = Timestamp::from_millisecond(after.0).ok()?;
        let next = self
            .cron
            .find_next_occurrence(&after.to_zoned(self.zone.clone()), false)
            .ok()?;
        Some(Millis(next.timestamp().as_millisecond()))
    }

    /// A time as the schedule's author knows it.
    fn show(&self, time: Millis) -> String {
        match Timestamp::from_millisecond(time.0) {
            Ok(timestamp) => timestamp
                .to_zoned(self.zone.clone())
                .strftime("%Y-%m-%dT%H:%M:%S%:z")
                .to_string(),
            Err(_) => time.to_string(),
        }
    }
}

/// What an entry says, hashed: the same as long as it says the same.
pub(crate) fn entry(rule: &ScheduleRule) -> Result<String> {
    let text = serde_json::to_vec(rule).map_err(Error::internal)?;
    let hash = Sha256::digest(text);
    Ok(hash[..ENTRY_BYTES]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

/// When the entries of a trigger come due, from `now` on. One that never does is refused.
pub(crate) fn entries(
    spec: &TriggerSpec,
    provider: Provider,
    now: Millis,
) -> Result<Vec<ScheduleInsert>> {
    let rules = spec
        .0
        .get(&provider)
        .and_then(|trigger| trigger.schedule.as_deref())
        .unwrap_or_default();
    let mut entries: Vec<ScheduleInsert> = Vec::with_capacity(rules.len());
    for (n, rule) in rules.iter().enumerate() {
        let field = format!("trigger_spec.{provider}.schedule[{n}]");
        let next = Schedule::new(&field, rule)?.next_after(now);
        let next_time =
            next.ok_or_else(|| Error::invalid(format!("{field}.cron"), "it never comes due"))?;
        let entry = entry(rule)?;
        // The same entry twice is one.
        if !entries.iter().any(|it| it.entry == entry) {
            entries.push(ScheduleInsert { entry, next_time });
        }
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use flowcd_model::{application::Provider, time::Millis, trigger::TriggerSpec};
    use serde_json::json;

    use super::{Schedule, entries};

    fn rule(cron: &str, timezone: Option<&str>) -> flowcd_model::trigger::ScheduleRule {
        serde_json::from_value(
            json!({"cron": cron, "timezone": timezone, "ref": "refs/heads/main"}),
        )
        .expect("a rule")
    }

    fn next(cron: &str, timezone: Option<&str>, after: &str) -> Option<String> {
        let after: jiff::Timestamp = after.parse().expect("a time");
        let schedule = Schedule::new("f", &rule(cron, timezone)).ok()?;
        let next = schedule.next_after(Millis(after.as_millisecond()))?;
        Some(next.to_string())
    }

    #[test]
    fn times_are_meant_in_their_zone() {
        for (cron, zone, after, expected) in [
            (
                "30 4 * * *",
                None,
                "2026-01-01T04:29:59Z",
                "2026-01-01T04:30:00Z",
            ),
            (
                "30 4 * * *",
                None,
                "2026-01-01T04:30:00Z",
                "2026-01-02T04:30:00Z",
            ),
            (
                "30 4 * * *",
                Some("Asia/Shanghai"),
                "2026-01-01T00:00:00Z",
                "2026-01-01T20:30:00Z",
            ),
            (
                "0 9 * * mon-fri",
                None,
                "2026-01-02T09:00:00Z",
                "2026-01-05T09:00:00Z",
            ),
            (
                "0 0 29 2 *",
                None,
                "2026-01-01T00:00:00Z",
                "2028-02-29T00:00:00Z",
            ),
            (
                "@daily",
                None,
                "2026-01-01T00:00:00Z",
                "2026-01-02T00:00:00Z",
            ),
            // In this zone 02:30 does not exist on that day; the clock goes from 02:00 to 03:00.
            (
                "30 2 * * *",
                Some("Europe/Berlin"),
                "2026-03-28T12:00:00Z",
                "2026-03-29T01:00:00Z",
            ),
        ] {
            assert_eq!(
                next(cron, zone, after).as_deref(),
                Some(expected),
                "{cron} {zone:?}"
            );
        }
    }

    #[test]
    fn an_entry_that_is_wrong_or_never_comes_is_told_by_its_field() {
        for (cron, zone, part) in [
            ("* * * *", None, "`trigger_spec.git.schedule[0].cron`: "),
            ("61 * * * *", None, "`trigger_spec.git.schedule[0].cron`: "),
            ("* * * * * *", None, "five fields"),
            ("0 0 30 2 *", None, "it never comes due"),
            (
                "* * * * *",
                Some("Mars/Olympus"),
                "`trigger_spec.git.schedule[0].timezone`: ",
            ),
        ] {
            let spec: TriggerSpec =
                serde_json::from_value(json!({"git": {"schedule": [rule(cron, zone)]}}))
                    .expect("a trigger");
            let message = entries(&spec, Provider::Git, Millis(0))
                .expect_err(cron)
                .to_string();
            assert!(message.contains(part), "{cron}: {message}");
        }
    }
}
