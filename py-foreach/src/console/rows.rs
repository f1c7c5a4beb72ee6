//! What the board says: plain values to lines.

use std::ffi::OsStr;
use std::time::Duration;

use common::show;

/// A job on the board.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) name: &'a OsStr,
    pub(super) state: State,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum State {
    Waits,
    /// For how long, and what it printed last.
    Runs(Duration, String),
    Done,
    Failed,
}

/// What fits on the terminal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) columns: usize,
    pub(super) lines: usize,
}

/// The lines of the board: those that run or failed, as many as fit, and the total.
pub(super) fn render(rows: &[Row<'_>], elapsed: Duration, size: Size) -> Vec<String> {
    let count = |wanted: fn(&State) -> bool| rows.iter().filter(|row| wanted(&row.state)).count();
    let shown = rows
        .iter()
        .filter_map(line)
        .take(size.lines.saturating_sub(2));
    let mut lines: Vec<String> = shown.collect();
    lines.push(format!(
        "{}: {} running, {} waiting, {} done, {} failed",
        clock(elapsed),
        count(|s| matches!(s, State::Runs(..))),
        count(|s| *s == State::Waits),
        count(|s| *s == State::Done),
        count(|s| *s == State::Failed),
    ));
    for line in &mut lines {
        // The last column stays free: some terminals wrap when it is filled.
        if let Some((end, _)) = line.char_indices().nth(size.columns.saturating_sub(1)) {
            line.truncate(end);
        }
    }
    lines
}

fn line(row: &Row<'_>) -> Option<String> {
    let name = show::name(row.name).to_string();
    match &row.state {
        State::Runs(since, last) => {
            // What moves a cursor has no place here.
            let last: String = last.chars().filter(|c| !c.is_control()).collect();
            Some(format!("{name:<12} {} {last}", clock(*since)))
        }
        State::Failed => Some(format!("{name:<12} failed")),
        State::Waits | State::Done => None,
    }
}

fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    format!("{:>2}:{:02}", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_has_a_line_and_all_have_a_total() {
        let runs = State::Runs(Duration::from_secs(61), "cc\x1b[2J -c a.c".to_owned());
        let rows: Vec<Row<'_>> = [State::Done, runs, State::Failed, State::Waits]
            .into_iter()
            .map(|state| Row {
                name: OsStr::new("python3.12"),
                state,
            })
            .collect();
        let size = Size {
            columns: 31,
            lines: 24,
        };
        let lines = render(&rows, Duration::from_secs(70), size);
        assert_eq!(
            lines,
            [
                "python3.12    1:01 cc[2J -c a.",
                "python3.12   failed",
                " 1:10: 1 running, 1 waiting, 1",
            ]
        );
        let few = Size {
            columns: 80,
            lines: 3,
        };
        assert_eq!(render(&rows, Duration::ZERO, few).len(), 2);
    }
}
