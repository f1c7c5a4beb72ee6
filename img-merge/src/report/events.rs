//! Paths and conflicts of a transaction, as words and as JSON.

use std::io;
use std::path::Path;

use common::fs::{Kind, as_os};
use common::json::{Object, Value};
use rustix::io::Errno;

use crate::merge::Merged;
use crate::plan::{Act, Conflict, Decision, Plan, Side};
use crate::stats::{PathEvent, What};

/// The paths of a transaction, in declared order and then by path: those that changed and those that did not.
pub(super) fn all(merged: &Merged) -> Vec<PathEvent> {
    let mut events = merged.stats.paths.clone();
    for plan in &merged.plans {
        unchanged(plan, &mut events);
    }
    events.sort_by(|a, b| (a.image, &a.path).cmp(&(b.image, &b.path)));
    events
}

fn unchanged(plan: &Plan, events: &mut Vec<PathEvent>) {
    for step in &plan.dirs {
        for (image, _) in step.images.iter().filter(|_| !step.again) {
            let (path, what) = (step.path.clone(), What::JoinedDirectory);
            events.push(PathEvent::new(path, *image, Kind::Directory, what));
        }
        for name in &step.names {
            let what = match name.act {
                Act::There => What::There,
                Act::Same => What::Same,
                Act::Kept => What::Kept,
                Act::Superseded => What::Superseded,
                Act::Place | Act::Replace(_) => continue,
            };
            let path = step.path.join(as_os(&name.name));
            events.push(PathEvent::new(path, name.image, name.kind, what));
        }
    }
}

/// What became of a path, for `--verbose`.
pub(super) fn word(what: What) -> &'static str {
    match what {
        What::Placed { replaced: true, .. } => "replaced",
        What::Placed { method, .. } => method.done(),
        What::MovedTree => "moved",
        What::MadeDirectory => "made",
        What::JoinedDirectory => "joined",
        What::There => "already there",
        What::Same => "same",
        What::Kept => "kept the other instead of",
        What::Superseded => "superseded",
    }
}

pub(super) fn path(image: &Path, event: &PathEvent) -> Object {
    let action = match event.what {
        What::Placed { replaced: true, .. } => "replaced",
        What::Placed { .. } | What::MovedTree => "brought",
        What::MadeDirectory => "made",
        What::JoinedDirectory => "joined",
        What::There => "there",
        What::Same => "same",
        What::Kept => "kept",
        What::Superseded => "superseded",
    };
    let object = Object::new()
        .with("event", "path")
        .with_path("path", &event.path)
        .with_path("image", image)
        .with("type", event.kind.word())
        .with("action", action);
    match event.what {
        What::Placed { method, why, .. } => {
            let object = object.with("method", method.word());
            match why {
                Some(why) => object.with("why", cause(why.raw_os_error())),
                None => object,
            }
        }
        What::MovedTree => object.with("method", "move").with("whole", true),
        _ => object,
    }
}

/// What was decided on a conflict, for its line.
pub(super) fn decision(conflict: &Conflict) -> &'static str {
    match conflict.decision {
        None => "",
        Some(Decision::Kept) => "; kept the latter",
        Some(Decision::Replaced) => "; replaced the latter",
    }
}

pub(super) fn conflict(conflict: &Conflict) -> Object {
    let decision = match conflict.decision {
        None => "none",
        Some(Decision::Kept) => "kept",
        Some(Decision::Replaced) => "replaced",
    };
    Object::new()
        .with("event", "conflict")
        .with_path("path", &conflict.path)
        .with("class", conflict.class.word())
        .with("brought", side(&conflict.image_side))
        .with("held", side(&conflict.held))
        .with("decision", decision)
}

fn side(side: &Side) -> Value {
    Object::default()
        .with_path("root", &side.root)
        .with("type", side.it.kind.word())
        .with("mode", format!("{:04o}", side.it.mode))
        .with("uid", side.it.uid)
        .with("gid", side.it.gid)
        .with("size", side.it.size)
        .into_value()
}

/// The words for an errno.
pub(super) fn cause(number: i32) -> String {
    common::error::plain(&io::Error::from(Errno::from_raw_os_error(number)))
}
