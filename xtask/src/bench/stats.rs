//! Figures with their spread.

use std::fmt;

/// Measurements of one thing.
pub(super) struct Sample(Vec<f64>);

impl Sample {
    /// Takes the measurements; there is at least one.
    pub(super) fn new(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    /// The value that `share` of the measurements do not exceed.
    pub(super) fn quantile(&self, share: f64) -> f64 {
        let place = (share * (self.0.len().saturating_sub(1)) as f64).round() as usize;
        self.0.get(place).copied().unwrap_or(f64::NAN)
    }

    /// The one in the middle.
    pub(super) fn median(&self) -> f64 {
        self.quantile(0.5)
    }
}

/// `median [min .. max]`.
impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.3} [{:.3} .. {:.3}]",
            self.median(),
            self.quantile(0.0),
            self.quantile(1.0)
        )
    }
}

/// Prints a figure beside its target.
pub(super) fn report(name: &str, figure: impl fmt::Display, target: &str) {
    println!("{name:<58} {figure:<34} target: {target}");
}
