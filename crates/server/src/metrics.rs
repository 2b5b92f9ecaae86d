//! What Prometheus is told. Labels come from fixed sets (routes, methods, statuses) and never from users.

use crate::version::{COMMIT, VERSION};
use flowcd_model::{
    delivery::{DeliveryKind, Verdict},
    step::StepStatus,
    task::TaskStatus,
};
use prometheus::{
    Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder,
};

/// Seconds, from what SQLite answers in to what a deployment takes.
const SHORT_BUCKETS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];
const LONG_BUCKETS: &[f64] = &[
    0.01, 0.05, 0.25, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0,
];

/// Every metric of the server.
#[derive(Clone)]
pub(crate) struct Metrics {
    registry: Registry,
    http_requests_total: IntCounterVec,
    http_request_seconds: HistogramVec,
    /// Tasks that ended, by status.
    tasks_finished_total: IntCounterVec,
    /// From acceptance to the claim.
    pub(crate) queue_wait_seconds: Histogram,
    step_duration_seconds: HistogramVec,
    /// Bytes that steps printed, after masking.
    pub(crate) log_bytes_total: IntCounter,
    /// What hosts, schedules and looks at repositories brought, by how it came and what was made of it.
    deliveries_total: IntCounterVec,
    status_reports_total: IntCounterVec,
    tasks: IntGaugeVec,
    queue_depth: IntGauge,
    queue_oldest_seconds: Gauge,
}

/// How the queue and the tasks stand at the time of asking.
pub(crate) struct Standing {
    /// How many tasks there are, by status.
    pub(crate) n_tasks: Vec<(TaskStatus, i64)>,
    /// How long the oldest pending task has waited.
    pub(crate) oldest_wait_ms: i64,
}

impl Metrics {
    /// A fresh set, all zero.
    pub(crate) fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let metrics = Self {
            http_requests_total: IntCounterVec::new(
                Opts::new(
                    "flowcd_http_requests_total",
                    "Requests answered, by method, route and status.",
                ),
                &["method", "route", "status"],
            )?,
            http_request_seconds: HistogramVec::new(
                HistogramOpts::new(
                    "flowcd_http_request_seconds",
                    "Time until the head of the answer was ready.",
                )
                .buckets(SHORT_BUCKETS.to_vec()),
                &["method", "route"],
            )?,
            tasks_finished_total: IntCounterVec::new(
                Opts::new(
                    "flowcd_tasks_finished_total",
                    "Tasks that this server brought to an end, by status.",
                ),
                &["status"],
            )?,
            queue_wait_seconds: Histogram::with_opts(
                HistogramOpts::new(
                    "flowcd_queue_wait_seconds",
                    "Time from the acceptance of a task to its runner.",
                )
                .buckets(SHORT_BUCKETS.to_vec()),
            )?,
            step_duration_seconds: HistogramVec::new(
                HistogramOpts::new(
                    "flowcd_step_duration_seconds",
                    "Time a step ran, by status.",
                )
                .buckets(LONG_BUCKETS.to_vec()),
                &["status"],
            )?,
            log_bytes_total: IntCounter::new(
                "flowcd_log_bytes_total",
                "Bytes that steps printed, after masking.",
            )?,
            deliveries_total: IntCounterVec::new(
                Opts::new(
                    "flowcd_deliveries_total",
                    "Deliveries taken, by how they came and what was made of them.",
                ),
                &["kind", "verdict"],
            )?,
            status_reports_total: IntCounterVec::new(
                Opts::new(
                    "flowcd_status_reports_total",
                    "Attempts to tell a Git host of a task, by outcome.",
                ),
                &["outcome"],
            )?,
            tasks: IntGaugeVec::new(
                Opts::new("flowcd_tasks", "Tasks in the database, by status."),
                &["status"],
            )?,
            queue_depth: IntGauge::new("flowcd_queue_depth", "Tasks that wait for a runner.")?,
            queue_oldest_seconds: Gauge::new(
                "flowcd_queue_oldest_wait_seconds",
                "How long the oldest waiting task has waited.",
            )?,
            registry,
        };
        let registry = &metrics.registry;
        registry.register(Box::new(metrics.http_requests_total.clone()))?;
        registry.register(Box::new(metrics.http_request_seconds.clone()))?;
        registry.register(Box::new(metrics.tasks_finished_total.clone()))?;
        registry.register(Box::new(metrics.queue_wait_seconds.clone()))?;
        registry.register(Box::new(metrics.step_duration_seconds.clone()))?;
        registry.register(Box::new(metrics.log_bytes_total.clone()))?;
        registry.register(Box::new(metrics.deliveries_total.clone()))?;
        registry.register(Box::new(metrics.status_reports_total.clone()))?;
        registry.register(Box::new(metrics.tasks.clone()))?;
        registry.register(Box::new(metrics.queue_depth.clone()))?;
        registry.register(Box::new(metrics.queue_oldest_seconds.clone()))?;
        let build = IntGaugeVec::new(
            Opts::new("flowcd_build_info", "Always 1; the labels say what runs."),
            &["version", "commit"],
        )?;
        build.with_label_values(&[VERSION, COMMIT]).set(1);
        registry.register(Box::new(build))?;
        Ok(metrics)
    }

    /// Counts a request that was answered.
    pub(crate) fn request_answered(&self, method: &str, route: &str, status: u16, seconds: f64) {
        // Anything may be sent as a method; only those that exist become a label.
        let method = match method {
            "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" => method,
            _ => "other",
        };
        self.http_requests_total
            .with_label_values(&[method, route, &status.to_string()])
            .inc();
        self.http_request_seconds
            .with_label_values(&[method, route])
            .observe(seconds);
    }

    /// Counts a task that this server brought to an end.
    pub(crate) fn task_finished(&self, status: TaskStatus) {
        self.tasks_finished_total
            .with_label_values(&[status.as_str()])
            .inc();
    }

    /// Counts a delivery that was taken.
    pub(crate) fn delivery_taken(&self, kind: DeliveryKind, verdict: Verdict) {
        self.deliveries_total
            .with_label_values(&[kind.as_str(), verdict.as_str()])
            .inc();
    }

    /// Counts an attempt to tell a Git host of a task.
    pub(crate) fn status_report_tried(&self, outcome: &'static str) {
        self.status_reports_total
            .with_label_values(&[outcome])
            .inc();
    }

    /// Counts a step that ended after `seconds`.
    pub(crate) fn step_finished(&self, status: StepStatus, seconds: f64) {
        self.step_duration_seconds
            .with_label_values(&[status.as_str()])
            .observe(seconds);
    }

    /// Everything, in Prometheus' text form.
    pub(crate) fn text(&self, standing: &Standing) -> prometheus::Result<String> {
        for status in TaskStatus::ALL {
            let n_tasks = standing
                .n_tasks
                .iter()
                .find(|(known, _)| *known == status)
                .map_or(0, |(_, n_tasks)| *n_tasks);
            self.tasks
                .with_label_values(&[status.as_str()])
                .set(n_tasks);
            if status == TaskStatus::Pending {
                self.queue_depth.set(n_tasks);
            }
        }
        self.queue_oldest_seconds
            .set(standing.oldest_wait_ms as f64 / 1_000.0);
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

#[cfg(test)]
mod tests {
    use flowcd_model::task::TaskStatus;

    use super::{Metrics, Standing};

    #[test]
    fn every_status_is_told_even_when_there_is_no_such_task() -> prometheus::Result<()> {
        let metrics = Metrics::new()?;
        metrics.request_answered("BREW", "/healthz", 405, 0.001);
        let text = metrics.text(&Standing {
            n_tasks: vec![(TaskStatus::Pending, 3)],
            oldest_wait_ms: 1_500,
        })?;
        for line in [
            "flowcd_tasks{status=\"pending\"} 3",
            "flowcd_tasks{status=\"failure\"} 0",
            "flowcd_queue_depth 3",
            "flowcd_queue_oldest_wait_seconds 1.5",
            "flowcd_http_requests_total{method=\"other\",route=\"/healthz\",status=\"405\"} 1",
        ] {
            assert!(text.lines().any(|it| it == line), "{line} is not in {text}");
        }
        Ok(())
    }
}
