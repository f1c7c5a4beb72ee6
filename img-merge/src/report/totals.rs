//! The totals of a run, as the line of the summary and as JSON.

use std::path::{Path, PathBuf};

use common::fs::as_os;
use common::json::{Object, Value};
use common::show;

use super::events::cause;
use crate::merge::Merged;
use crate::plan::Counts;
use crate::settings::Method;
use crate::stats::Stats;

/// The totals of all transactions that were done, and what failed.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) images: Vec<PathBuf>,
    stats: Stats,
    counts: Counts,
    pub(super) conflicts: u64,
    pub(super) errors: u64,
    /// Whether a signal ends the run.
    pub(super) interrupted: bool,
}

impl Totals {
    pub(super) fn add(&mut self, merged: &Merged) {
        self.images.extend(merged.images.iter().cloned());
        self.stats.add_totals(&merged.stats);
        for plan in &merged.plans {
            self.counts.add(plan.counts());
        }
    }

    /// `merged 3 images into /dest: 120 files linked, …`.
    pub(super) fn line(&self, destination: &Path) -> String {
        let images = plural(self.images.len() as u64, "image");
        let (done, into) = (self.parts().join(", "), show::path(destination));
        let colon = if done.is_empty() { "" } else { ": " };
        let mut line = format!("merged {images} into {into}{colon}{done}");
        let ends_early = self.errors + self.conflicts > 0 || self.interrupted;
        if ends_early && !self.images.is_empty() {
            let names = self.images.iter().map(|it| show::path(it).to_string());
            let names = names.collect::<Vec<_>>().join(" ");
            line = format!("{line}; merged: {names}");
        }
        for (count, what) in [(self.conflicts, "conflict"), (self.errors, "error")] {
            if count > 0 {
                line = format!("{line}; {}", plural(count, what));
            }
        }
        if self.interrupted {
            line.push_str("; ended by a signal");
        }
        line
    }

    fn parts(&self) -> Vec<String> {
        let stats = &self.stats;
        let by_method = Method::ALL.map(|method| (stats.by(method), "file", method.done()));
        let others = [
            (stats.trees, "tree", "moved"),
            (stats.directories, "directory", "made"),
            (stats.metadata_changed, "directory", "given new metadata"),
            (stats.replaced, "conflict", "replaced"),
            (self.counts.there, "name", "already there"),
            (self.counts.same, "name", "the same"),
            (self.counts.kept, "name", "kept"),
            (stats.split_groups, "link group", "split"),
        ];
        let all = by_method.into_iter().chain(others);
        let all = all.filter(|(count, _, _)| *count > 0);
        let mut parts: Vec<String> = all
            .map(|(count, what, done)| format!("{} {done}", plural(count, what)))
            .collect();
        for ((method, why), count) in &stats.fallbacks {
            let (done, why) = (method.done(), cause(*why));
            parts.push(format!("{count} of them {done} because of \"{why}\""));
        }
        for ((name, why), count) in &stats.lost {
            let (name, why) = (show::name(as_os(name)), cause(*why));
            parts.push(format!("{name} could not be set on {count} ({why})"));
        }
        // After an error more may be changed than was meant. The error says so.
        if !self.is_changed() && self.errors == 0 {
            parts.insert(0, "nothing changed".to_owned());
        }
        parts
    }

    /// Whether DEST changed, apart from times of directories.
    fn is_changed(&self) -> bool {
        let stats = &self.stats;
        stats.all_files() + stats.trees + stats.directories + stats.metadata_changed > 0
    }

    pub(super) fn object(&self, destination: &Path) -> Object {
        let stats = &self.stats;
        let mut object = Object::new()
            .with("event", "summary")
            .with_path("destination", destination)
            .with("images", self.images.len())
            .with("files", stats.all_files());
        for method in Method::ALL {
            object = object.with(method.done(), stats.by(method));
        }
        object
            .with("moved_directories", stats.trees)
            .with("made_directories", stats.directories)
            .with("replaced", stats.replaced)
            .with("there", self.counts.there)
            .with("same", self.counts.same)
            .with("kept", self.counts.kept)
            .with("split_groups", stats.split_groups)
            .with("fallbacks", self.fallbacks())
            .with("conflicts", self.conflicts)
            .with("errors", self.errors)
    }

    fn fallbacks(&self) -> Vec<Value> {
        let one = |((method, why), count): (&(Method, i32), &u64)| {
            Object::default()
                .with("method", method.word())
                .with("why", cause(*why))
                .with("files", *count)
                .into_value()
        };
        self.stats.fallbacks.iter().map(one).collect()
    }
}

fn plural(count: u64, what: &str) -> String {
    match (count, what.strip_suffix('y')) {
        (1, _) => format!("1 {what}"),
        (_, Some(stem)) => format!("{count} {stem}ies"),
        (_, None) => format!("{count} {what}s"),
    }
}
