//! What becomes of a time of a schedule when it comes, or when it is found to have passed.

use flowcd_model::{
    application::Application,
    delivery::{Delivery, DeliveryKind, RuleVerdict, Verdict},
    event::HostEvent,
    id::{DeliveryId, TaskId},
    task::TriggerType,
    time::Millis,
    trigger::{Missed, ScheduleRule},
};
use flowcd_store::{DueSchedule, TaskInsert};
use tracing::error;

use super::{Schedule, entry};
use crate::{
    error::{Error, Result},
    service::{delivery::told, dispatch::PIPELINE_FILE},
    state::AppState,
};

/// The name of the event that a schedule is.
const EVENT_NAME: &str = "schedule";
/// A time that came longer ago than this was missed: servers look every second.
const ON_TIME_MS: i64 = 60_000;
/// What cannot be read is tried again after so long.
const RETRY_MS: i64 = 24 * 3600 * 1000;
/// Missed times are counted up to here.
const MAX_COUNTED: usize = 1_000;

/// One pass: runs the schedules that have come due. One that cannot be run does not keep the others from it.
pub(crate) async fn run_due(state: &AppState) -> Result<()> {
    for due in state.store.due_schedules(Millis::now()).await? {
        if let Err(source) = run(state, &due).await {
            let (app_id, causes) = (&due.app_id, source.causes().unwrap_or_default());
            error!(app.id = %app_id, error = causes, "Cannot run a schedule of application `{app_id}`: {source}");
        }
    }
    Ok(())
}

async fn run(state: &AppState, due: &DueSchedule) -> Result<()> {
    let now = Millis::now();
    let application = match state.store.any_application(&due.app_id).await {
        Ok(application) => application,
        Err(err @ flowcd_store::Error::CorruptRow { .. }) => {
            // Not every second.
            let later = Some(now.plus_ms(RETRY_MS));
            state.store.tick(due, later, None).await?;
            return Err(err.into());
        }
        Err(err) => return Err(err.into()),
    };
    let rule = match &application {
        Some(application) => find(application, &due.entry)?.map(|found| (application, found)),
        None => None,
    };
    let Some((application, (n, rule))) = rule else {
        // The trigger has changed meanwhile.
        state.store.tick(due, None, None).await?;
        return Ok(());
    };
    let tick = Tick {
        application,
        due,
        place: format!("{}.schedule[{n}]", application.provider),
        rule,
        began: now,
    };
    let (next, outcome) = match Schedule::new(&tick.place, rule) {
        Ok(schedule) => (
            schedule.next_after(now.max(due.due_time)),
            schedule.judge(rule, due.due_time, now),
        ),
        Err(problem) => (Some(now.plus_ms(RETRY_MS)), Outcome::unreadable(&problem)),
    };
    let happened = tick.file(outcome);
    if let Some(delivered) = state.store.tick(due, next, Some(happened)).await? {
        told(state, &due.app_id, DeliveryKind::Schedule, &delivered);
    }
    Ok(())
}

/// The rule that an entry was made of, and its place.
fn find<'a>(
    application: &'a Application,
    wanted: &str,
) -> Result<Option<(usize, &'a ScheduleRule)>> {
    let trigger = application.trigger_spec.0.get(&application.provider);
    let rules = trigger.and_then(|trigger| trigger.schedule.as_deref());
    for (n, rule) in rules.unwrap_or_default().iter().enumerate() {
        if entry(rule)? == wanted {
            return Ok(Some((n, rule)));
        }
    }
    Ok(None)
}

/// What becomes of a time that has come.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Outcome {
    verdict: Verdict,
    reason: String,
}

impl Schedule {
    /// What becomes of `due` at `now`: it runs when it has just come. Otherwise no server ran then, and it was missed,
    /// with all that came after it; but the last of those may have just come itself.
    fn judge(&self, rule: &ScheduleRule, due: Millis, now: Millis) -> Outcome {
        let name = format!(
            "the schedule `{}` ({})",
            rule.cron,
            rule.timezone.as_deref().unwrap_or("UTC")
        );
        let on_time = now.plus_ms(-ON_TIME_MS);
        if due >= on_time {
            let reason = format!("{name} came due at {}", self.show(due));
            return Outcome::new(Verdict::Deployed, reason);
        }
        let recent = self.next_after(on_time.plus_ms(-1)).filter(|it| *it <= now);
        if let Some(recent) = recent {
            let reason = format!(
                "{name} came due at {}; it had been missed {} since {}, when no server ran",
                self.show(recent),
                times(self.count(due, recent)),
                self.show(due)
            );
            return Outcome::new(Verdict::Deployed, reason);
        }
        let when = match self.count(due, now.plus_ms(1)) {
            1 => format!("{name} came due at {} when no server ran", self.show(due)),
            n => format!(
                "{name} came due {} since {} when no server ran",
                times(n),
                self.show(due)
            ),
        };
        match rule.missed {
            Missed::Skip => {
                let next = match self.next_after(now) {
                    Some(next) => format!("; the next time is {}", self.show(next)),
                    None => String::new(),
                };
                let reason = format!("{when}, and `missed` is `skip`{next}");
                Outcome::new(Verdict::Skipped, reason)
            }
            Missed::Run => {
                let reason = format!("{when}, and this deployment makes up for it");
                Outcome::new(Verdict::Deployed, reason)
            }
        }
    }

    /// How many times there are from `from`, which is one, to before `until`; no more than are counted.
    fn count(&self, from: Millis, until: Millis) -> usize {
        let next = |time: &Millis| self.next_after(*time);
        std::iter::successors(Some(from), next)
            .take_while(|time| *time < until)
            .take(MAX_COUNTED)
            .count()
    }
}

/// How often something was.
fn times(n: usize) -> String {
    match n {
        1 => "once".to_owned(),
        MAX_COUNTED => format!("{MAX_COUNTED} times or more"),
        n => format!("{n} times"),
    }
}

impl Outcome {
    fn new(verdict: Verdict, reason: String) -> Self {
        Self { verdict, reason }
    }

    /// What was good when the trigger was made, and is not any more: the names of zones come and go.
    fn unreadable(problem: &Error) -> Self {
        let reason = format!("the schedule cannot be read, and is tried again in a day: {problem}");
        Self::new(Verdict::Failed, reason)
    }
}

/// A time of a schedule that has come.
struct Tick<'a> {
    application: &'a Application,
    due: &'a DueSchedule,
    /// Where the rule stands in the trigger.
    place: String,
    rule: &'a ScheduleRule,
    began: Millis,
}

impl Tick<'_> {
    /// The delivery as it is kept, and the task that it makes.
    fn file(&self, outcome: Outcome) -> (Delivery, Vec<TaskInsert>) {
        let id = DeliveryId::generate();
        let is_match = outcome.verdict == Verdict::Deployed;
        let event = HostEvent {
            event_name: EVENT_NAME.to_owned(),
            ..HostEvent::default()
        };
        let tasks: Vec<TaskInsert> = is_match
            .then(|| self.task(&id, &event))
            .into_iter()
            .collect();
        let delivery = Delivery {
            id,
            app_id: self.application.id.clone(),
            provider: self.application.provider,
            kind: DeliveryKind::Schedule,
            key: format!("schedule:{}:{}", self.due.entry, self.due.due_time.0),
            event,
            git_ref: Some(self.rule.git_ref.clone()),
            commit: None,
            message: String::new(),
            verdict: outcome.verdict,
            rules: vec![RuleVerdict {
                rule: self.place.clone(),
                is_match,
                reason: outcome.reason.clone(),
                template: self.rule.template.clone().filter(|_| is_match),
            }],
            reason: outcome.reason,
            task_ids: tasks.iter().map(|task| task.id.clone()).collect(),
            replay_of: None,
            body_bytes: 0,
            created_time: self.began,
            duration_ms: Millis::now().since_ms(self.began) as f64,
            headers: None,
            body: None,
        };
        (delivery, tasks)
    }

    fn task(&self, delivery_id: &DeliveryId, event: &HostEvent) -> TaskInsert {
        let rule = self.rule;
        TaskInsert {
            id: TaskId::generate(),
            app_id: self.application.id.clone(),
            user_id: self.application.user_id.clone(),
            git_ref: Some(rule.git_ref.clone()),
            // The task asks the repository.
            commit: String::new(),
            message: String::new(),
            inputs: rule.inputs.clone().unwrap_or_default(),
            pipeline_file: rule.template.as_deref().unwrap_or(PIPELINE_FILE).to_owned(),
            trigger_type: TriggerType::Schedule,
            redelivery: None,
            delivery_id: Some(delivery_id.clone()),
            event: Some(event.clone()),
            is_fork: false,
            is_debug: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use flowcd_model::{delivery::Verdict, time::Millis, trigger::ScheduleRule};
    use serde_json::json;

    use super::Schedule;

    fn judge(cron: &str, missed: &str, due: &str, now: &str) -> (Verdict, String) {
        let rule = json!({"cron": cron, "timezone": "Asia/Shanghai", "ref": "refs/heads/main", "missed": missed});
        let rule: ScheduleRule = serde_json::from_value(rule).expect("a rule");
        let time = |text: &str| {
            let time: jiff::Timestamp = text.parse().expect("a time");
            Millis(time.as_millisecond())
        };
        let schedule = Schedule::new("f", &rule).expect("a schedule");
        let outcome = schedule.judge(&rule, time(due), time(now));
        (outcome.verdict, outcome.reason)
    }

    #[test]
    fn a_time_that_has_just_come_runs_and_one_that_passed_does_what_the_rule_says() {
        let (hourly, daily) = ("0 * * * *", "30 4 * * *");
        for (cron, missed, due, now, verdict, reason) in [
            (
                daily,
                "skip",
                "2026-01-01T20:30:00Z",
                "2026-01-01T20:31:00Z",
                Verdict::Deployed,
                "the schedule `30 4 * * *` (Asia/Shanghai) came due at 2026-01-02T04:30:00+08:00",
            ),
            (
                daily,
                "skip",
                "2026-01-01T20:30:00Z",
                "2026-01-01T20:31:00.001Z",
                Verdict::Skipped,
                "the schedule `30 4 * * *` (Asia/Shanghai) came due at 2026-01-02T04:30:00+08:00 when no server ran, \
                 and `missed` is `skip`; the next time is 2026-01-03T04:30:00+08:00",
            ),
            (
                daily,
                "run",
                "2026-01-01T20:30:00Z",
                "2026-01-03T20:29:00Z",
                Verdict::Deployed,
                "the schedule `30 4 * * *` (Asia/Shanghai) came due 2 times since 2026-01-02T04:30:00+08:00 when no \
                 server ran, and this deployment makes up for it",
            ),
            // The last of the missed times has just come.
            (
                hourly,
                "skip",
                "2026-01-01T00:00:00Z",
                "2026-01-01T03:00:59Z",
                Verdict::Deployed,
                "the schedule `0 * * * *` (Asia/Shanghai) came due at 2026-01-01T11:00:00+08:00; it had been missed \
                 3 times since 2026-01-01T08:00:00+08:00, when no server ran",
            ),
            (
                "*/2 * * * *",
                "skip",
                "2026-01-01T00:00:00Z",
                "2027-01-01T00:01:30Z",
                Verdict::Skipped,
                "the schedule `*/2 * * * *` (Asia/Shanghai) came due 1000 times or more since \
                 2026-01-01T08:00:00+08:00 when no server ran, and `missed` is `skip`; the next time is \
                 2027-01-01T08:02:00+08:00",
            ),
        ] {
            assert_eq!(
                judge(cron, missed, due, now),
                (verdict, reason.to_owned()),
                "{cron} {now}"
            );
        }
    }
}
