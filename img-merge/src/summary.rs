//! The words and the JSON for what a run did.

use std::path::Path;

use common::json::Object;
use common::show;
use rustix::io::Errno;

use crate::plan::{Act, Conflict, Decision, Plan, Side, as_os};
use crate::report::{METHODS, Sums};
use crate::tally::{Told, What};
use crate::transaction::Done;

/// The paths of a transaction, in declared order and then by path: what was brought, and what needed
/// nothing.
pub(crate) fn paths(done: &Done) -> Vec<Told> {
    let mut paths = done.tally.take_paths();
    for plan in &done.plans {
        unchanged(plan, &mut paths);
    }
    paths.sort_by(|a, b| (a.image, &a.path).cmp(&(b.image, &b.path)));
    paths
}

fn unchanged(plan: &Plan, paths: &mut Vec<Told>) {
    for step in &plan.dirs {
        for (image, _) in step.images.iter().filter(|_| !step.again) {
            paths.push(Told {
                path: step.path.clone(),
                image: *image,
                kind: common::fs::Kind::Directory,
                what: What::JoinedDirectory,
            });
        }
        for name in &step.names {
            let what = match name.act {
                Act::There => What::There,
                Act::Same => What::Same,
                Act::Kept => What::Kept,
                Act::Outdone => What::Outdone,
                Act::Place | Act::Replace(_) => continue,
            };
            paths.push(Told {
                path: step.path.join(as_os(&name.name)),
                image: name.image,
                kind: name.kind,
                what,
            });
        }
    }
}

/// What became of a path, in one word.
pub(crate) fn word(told: &Told) -> &'static str {
    match told.what {
        What::Brought { replaced: true, .. } => "replaced",
        What::Brought { method, .. } => method.done(),
        What::MovedTree => "moved",
        What::MadeDirectory => "made",
        What::JoinedDirectory => "joined",
        What::There => "already there",
        What::Same => "same",
        What::Kept => "kept the other instead of",
        What::Outdone => "outdone",
    }
}

pub(crate) fn told(image: &Path, told: &Told) -> Object {
    let action = match told.what {
        What::Brought { replaced: true, .. } => "replaced",
        What::Brought { .. } | What::MovedTree => "brought",
        What::MadeDirectory => "made",
        What::JoinedDirectory => "joined",
        What::There => "there",
        What::Same => "same",
        What::Kept => "kept",
        What::Outdone => "outdone",
    };
    let object = Object::new()
        .with("event", "path")
        .with_path("path", &told.path)
        .with_path("image", image)
        .with("type", told.kind.word())
        .with("action", action);
    match told.what {
        What::Brought { method, why, .. } => {
            let object = object.with("method", method.word());
            match why {
                Some(cause) => object.with("why", cause_of(cause.raw_os_error())),
                None => object,
            }
        }
        What::MovedTree => object.with("method", "move").with("whole", true),
        _ => object,
    }
}

pub(crate) fn decided(conflict: &Conflict) -> &'static str {
    match conflict.decision {
        None => "",
        Some(Decision::Kept) => "; kept the latter",
        Some(Decision::Replaced) => "; replaced the latter",
    }
}

pub(crate) fn conflict(conflict: &Conflict) -> Object {
    let decision = match conflict.decision {
        None => "none",
        Some(Decision::Kept) => "kept",
        Some(Decision::Replaced) => "replaced",
    };
    Object::new()
        .with("event", "conflict")
        .with_path("path", &conflict.path)
        .with("class", conflict.class.word())
        .with("brought", side(&conflict.brought))
        .with("held", side(&conflict.held))
        .with("decision", decision)
}

fn side(side: &Side) -> common::json::Value {
    Object::default()
        .with_path("root", &side.root)
        .with("type", side.kind.word())
        .with("mode", format!("{:04o}", side.mode))
        .with("uid", side.uid)
        .with("gid", side.gid)
        .with("size", side.size)
        .into_value()
}

fn cause_of(number: i32) -> String {
    common::error::plain(&std::io::Error::from(Errno::from_raw_os_error(number)))
}

impl Sums {
    /// `merged 3 images into /dest: 120 files linked, …`.
    pub(crate) fn line(&self, destination: &Path) -> String {
        let mut parts = Vec::new();
        for (count, method) in self.by.iter().zip(METHODS) {
            push(&mut parts, *count, "file", method.done());
        }
        push(&mut parts, self.trees, "whole directory", "moved");
        push(&mut parts, self.directories, "directory", "made");
        push(&mut parts, self.dressed, "directory", "given new metadata");
        push(&mut parts, self.replaced, "conflict", "replaced");
        push(&mut parts, self.counts.there, "name", "already there");
        push(&mut parts, self.counts.same, "name", "the same");
        push(&mut parts, self.counts.kept, "name", "kept");
        push(&mut parts, self.splits, "link group", "split");
        for ((method, cause), count) in &self.fallbacks {
            let (done, why) = (method.done(), cause_of(*cause));
            parts.push(format!("{count} of them {done} because of \"{why}\""));
        }
        for (name, cause, count) in &self.lost {
            let (name, why) = (show::name(as_os(name)), cause_of(*cause));
            parts.push(format!("{name} could not be set on {count} ({why})"));
        }
        // After an error more may be changed than was meant: the error says it.
        if !self.changed() && self.errors == 0 {
            parts.insert(0, "nothing changed".to_owned());
        }
        let images = plural(self.images.len() as u64, "image");
        let (done, into) = (parts.join(", "), show::path(destination));
        let colon = if done.is_empty() { "" } else { ": " };
        let mut line = format!("merged {images} into {into}{colon}{done}");
        let ends_early = self.errors + self.conflicts > 0 || self.broken_off;
        if ends_early && !self.images.is_empty() {
            let names: Vec<_> = self
                .images
                .iter()
                .map(|i| show::path(i).to_string())
                .collect();
            line.push_str("; merged: ");
            line.push_str(&names.join(" "));
        }
        for (count, what) in [(self.conflicts, "conflict"), (self.errors, "error")] {
            if count > 0 {
                line.push_str("; ");
                line.push_str(&plural(count, what));
            }
        }
        if self.broken_off {
            line.push_str("; ended by a signal");
        }
        line
    }

    /// Whether DEST is another than before; the times of directories aside.
    fn changed(&self) -> bool {
        self.by.iter().sum::<u64>() + self.trees + self.directories + self.dressed > 0
    }

    pub(crate) fn object(&self, destination: &Path) -> Object {
        let mut object = Object::new()
            .with("event", "summary")
            .with_path("destination", destination)
            .with("images", self.images.len())
            .with("files", self.by.iter().sum::<u64>() + self.inside);
        for (count, method) in self.by.iter().zip(METHODS) {
            object = object.with(method.done(), *count);
        }
        object
            .with("moved_directories", self.trees)
            .with("made_directories", self.directories)
            .with("replaced", self.replaced)
            .with("there", self.counts.there)
            .with("same", self.counts.same)
            .with("kept", self.counts.kept)
            .with("split_groups", self.splits)
            .with("fallbacks", self.fallbacks())
            .with("conflicts", self.conflicts)
            .with("errors", self.errors)
    }

    fn fallbacks(&self) -> Vec<common::json::Value> {
        let one = |((method, cause), count): (&(crate::settings::Method, i32), &u64)| {
            Object::default()
                .with("method", method.word())
                .with("why", cause_of(*cause))
                .with("files", *count)
                .into_value()
        };
        self.fallbacks.iter().map(one).collect()
    }
}

fn push(parts: &mut Vec<String>, count: u64, what: &str, done: &str) {
    if count > 0 {
        parts.push(format!("{} {done}", plural(count, what)));
    }
}

fn plural(count: u64, what: &str) -> String {
    match (count, what.strip_suffix('y')) {
        (1, _) => format!("1 {what}"),
        (_, Some(stem)) => format!("{count} {stem}ies"),
        (_, None) => format!("{count} {what}s"),
    }
}
