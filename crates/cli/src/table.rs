//! Tables and their cells: statuses in colour, times as people say them.

use comfy_table::{Cell, Color, ContentArrangement, Table, presets};
use flowcd_model::{step::StepStatus, task::TaskStatus, time::Millis};
use unicode_width::UnicodeWidthStr;

use crate::output::{clean, first_line};

/// What a last column may fill where no terminal says how wide it is.
const LAST_COLUMN_CHARS: usize = 80;
/// What it fills at least, however narrow the terminal is.
const LEAST_COLUMN_CHARS: usize = 20;

/// A table with a header and no lines.
pub(crate) fn table<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = [Cell; N]>,
) -> String {
    draw(&header, rows.into_iter().map(Vec::from))
}

fn draw(header: &[&str], rows: impl Iterator<Item = Vec<Cell>>) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    // Colours are decided by the stream that the text is written to.
    table.enforce_styling();
    table.set_header(header);
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    format!("{}\n", table.trim_fmt())
}

/// A table whose last column is text that is cut to the terminal's width.
pub(crate) fn table_to_width<const N: usize, const M: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = ([Cell; M], String)>,
) -> String {
    let rows: Vec<([Cell; M], String)> = rows.into_iter().collect();
    let room = match Table::new().width() {
        None => LAST_COLUMN_CHARS,
        Some(width) => {
            // Each column is as wide as its widest cell, and two blanks follow it.
            let used: usize = (0..M)
                .map(|column| {
                    let cells = rows.iter().map(|(cells, _)| cells[column].content());
                    let widths = cells.map(|content| content.width());
                    widths.max().unwrap_or_default().max(header[column].width()) + 2
                })
                .sum();
            usize::from(width)
                .saturating_sub(used)
                .max(LEAST_COLUMN_CHARS)
        }
    };
    let rows = rows.into_iter().map(|(cells, last)| {
        let mut cells = Vec::from(cells);
        cells.push(Cell::new(first_line(&last, room)));
        cells
    });
    draw(&header, rows)
}

/// Names and values, one pair a line; what has no value is left out.
pub(crate) fn fields<const N: usize>(fields: [(&str, Option<String>); N]) -> String {
    let width = fields
        .iter()
        .map(|(name, _)| name.len())
        .max()
        .unwrap_or_default()
        + 1;
    fields
        .iter()
        .filter_map(|(name, value)| Some((name, value.as_ref()?)))
        .map(|(name, value)| format!("{:<width$}  {value}\n", format!("{name}:")))
        .collect()
}

/// A cell of text that came from the server.
pub(crate) fn text(text: impl AsRef<str>) -> Cell {
    Cell::new(clean(text.as_ref()))
}

/// A task's status; one that is being cancelled says so.
pub(crate) fn task_status(status: TaskStatus, is_cancel_requested: bool) -> Cell {
    if status == TaskStatus::Running && is_cancel_requested {
        return Cell::new("cancelling").fg(Color::Yellow);
    }
    let cell = Cell::new(status);
    match status {
        TaskStatus::Pending => cell,
        TaskStatus::Running => cell.fg(Color::Cyan),
        TaskStatus::Success => cell.fg(Color::Green),
        TaskStatus::Failure => cell.fg(Color::Red),
        TaskStatus::Cancelled => cell.fg(Color::Yellow),
    }
}

/// A step's status.
pub(crate) fn step_status(status: StepStatus) -> Cell {
    let cell = Cell::new(status);
    match status {
        StepStatus::Pending | StepStatus::Skipped => cell,
        StepStatus::Running => cell.fg(Color::Cyan),
        StepStatus::Success => cell.fg(Color::Green),
        StepStatus::Failure => cell.fg(Color::Red),
        StepStatus::Cancelled | StepStatus::ErrorWithContinue => cell.fg(Color::Yellow),
    }
}

/// How long ago it was: `3m ago`.
pub(crate) fn ago(time: Millis) -> String {
    let seconds = Millis::now().since_ms(time).div_euclid(1000);
    match seconds {
        // Clocks differ a little.
        ..=4 => "just now".to_owned(),
        5..=59 => format!("{seconds}s ago"),
        60..=3_599 => format!("{}m ago", seconds / 60),
        3_600..=86_399 => format!("{}h ago", seconds / 3_600),
        86_400..=2_591_999 => format!("{}d ago", seconds / 86_400),
        // Then the day says more.
        _ => time.to_string().chars().take(10).collect(),
    }
}

/// A time in full and how long ago it was.
pub(crate) fn full_time(time: Millis) -> String {
    format!("{time} ({})", ago(time))
}

/// A length of time in milliseconds: `0.42s`, `12.3s`, `1m 05s`, `2h 03m`.
pub(crate) fn duration(ms: i64) -> String {
    let ms = ms.max(0);
    let seconds = ms / 1000;
    match ms {
        ..10_000 => format!("{}.{:02}s", seconds, ms % 1000 / 10),
        10_000..60_000 => format!("{}.{}s", seconds, ms % 1000 / 100),
        60_000..3_600_000 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

/// A step's own measure of its time, in seconds.
pub(crate) fn seconds(seconds: f64) -> String {
    // A length of time that a float cannot name is none.
    duration((seconds * 1000.0).round() as i64)
}

/// The name of a ref as people say it: `main`, `v1.0`, `pull/7/head`.
pub(crate) fn short_ref(git_ref: &str) -> &str {
    ["refs/heads/", "refs/tags/", "refs/"]
        .iter()
        .find_map(|prefix| git_ref.strip_prefix(prefix))
        .unwrap_or(git_ref)
}

/// The first digits of a commit.
pub(crate) fn short_commit(commit: &str) -> String {
    clean(commit).chars().take(8).collect()
}

#[cfg(test)]
mod tests {
    use flowcd_model::time::Millis;

    use super::{ago, duration, fields, seconds, table, text};

    #[test]
    fn lengths_of_time_are_short() {
        for (ms, expected) in [
            (-5, "0.00s"),
            (420, "0.42s"),
            (9_999, "9.99s"),
            (12_345, "12.3s"),
            (65_000, "1m 05s"),
            (7_380_000, "2h 03m"),
        ] {
            assert_eq!(duration(ms), expected);
        }
        assert_eq!(seconds(f64::NAN), "0.00s");
        assert_eq!(seconds(1.29), "1.29s");
    }

    #[test]
    fn times_are_told_from_now() {
        let before = |ms: i64| ago(Millis::now().plus_ms(-ms));
        assert_eq!(before(-60_000), "just now");
        assert_eq!(before(90_000), "1m ago");
        assert_eq!(before(3 * 86_400_000), "3d ago");
        assert_eq!(ago(Millis(1_668_765_432_123)), "2022-11-18");
    }

    #[test]
    fn tables_line_up_and_end_without_blanks() {
        let rows = [["a", "b"], ["longer", "\x1b[2J"]].map(|row| row.map(text));
        assert_eq!(
            table(["ONE", "TWO"], rows),
            "ONE     TWO\na       b\nlonger  \u{fffd}[2J\n"
        );
        let pairs = [
            ("id", Some("1".to_owned())),
            ("message", None),
            ("url", Some("u".to_owned())),
        ];
        assert_eq!(fields(pairs), "id:       1\nurl:      u\n");
    }
}
