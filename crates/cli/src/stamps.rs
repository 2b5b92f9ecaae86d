//! Times in front of the lines of a log that is followed.

use std::collections::HashMap;

use flowcd_client::{Client, log_bytes};
use flowcd_model::{
    id::TaskId,
    log::{LineStamper, LogEvent, LogTimesQuery},
    step::StepCount,
};

use crate::failure::Failure;

/// Where each step's output stands: at the beginning of a line, or inside one.
#[derive(Debug, Default)]
pub(crate) struct Stamps {
    steps: HashMap<StepCount, LineStamper>,
}

impl Stamps {
    /// Says what of a step was printed already, with its times: its last line may go on.
    pub(crate) fn follow_on(&mut self, step: StepCount, printed: &[u8]) {
        let stamper = self.steps.entry(step).or_default();
        stamper.push(0, printed, &[], &mut Vec::new());
    }

    /// The bytes of a log event with the times in front of its lines; none where it names a gap.
    pub(crate) async fn stamp(
        &mut self,
        client: &Client,
        task_id: &TaskId,
        log: &LogEvent,
    ) -> Result<Vec<u8>, Failure> {
        let mut times = Vec::new();
        let mut next = log.from;
        while next < log.to {
            let query = LogTimesQuery {
                task_id: task_id.clone(),
                step_count: log.step_count,
                from: Some(next),
            };
            let found = client.get_log_times(&query).await?;
            if found.next <= next {
                break;
            }
            times.extend(found.times);
            next = found.next;
        }
        let stamper = self.steps.entry(log.step_count).or_default();
        let mut stamped = Vec::new();
        stamper.push(log.from, &log_bytes(log)?, &times, &mut stamped);
        if log.omitted_bytes.is_some() {
            stamper.begin_line();
        }
        Ok(stamped)
    }
}

#[cfg(test)]
mod tests {
    use flowcd_model::{log::LogTime, step::StepCount, time::Millis};

    use super::Stamps;

    #[test]
    fn a_line_that_goes_on_has_its_time_already() {
        let mut stamps = Stamps::default();
        let step = StepCount::Number(1);
        stamps.follow_on(step, b"2022-11-18T09:57:12.000Z wait");
        let times = [LogTime {
            from: 0,
            time: Millis(1_668_765_432_123),
        }];
        let mut out = Vec::new();
        let stamper = stamps.steps.entry(step).or_default();
        stamper.push(4, b"ing\ndone\n", &times, &mut out);
        assert_eq!(
            String::from_utf8_lossy(&out),
            "ing\n2022-11-18T09:57:12.123Z done\n"
        );
    }
}
