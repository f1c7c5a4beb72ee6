//! Reports decisions: as lines for people, as JSON objects for programs, and as one summary.

use std::path::Path;

use common::json::Object;
use common::{Implementation, show};

use crate::layout::Layout;
use crate::plan::{Action, Decision, Plan};

/// The image that a report is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) implementation: &'a Implementation,
    pub(crate) image: &'a Path,
}

/// A line about one name.
pub(crate) fn line(
    decision: &Decision,
    implementation: &Implementation,
    layout: &Layout,
) -> String {
    let path = decision.path();
    let path = show::path(&path);
    match &decision.action {
        Action::Wrap(wrap) | Action::Replicate(wrap) => {
            let script = layout.scripts(implementation).join(&decision.name);
            let interpreter = show::path(&wrap.head.interpreter);
            format!("wrap {path} as {} for {interpreter}", show::path(&script))
        }
        Action::Keep => format!("leave {path}: wrapped already"),
        Action::Leave(why) => format!("leave {path}: {why}"),
        Action::Refuse(why) => format!("refuse {path}: {why}"),
        Action::Clean => format!("remove {path}: left by a run that was killed"),
    }
}

/// A line about a bin directory that was not entered.
pub(crate) fn linked(bindir: &Path) -> String {
    format!("leave {}: a symlink", show::path(bindir))
}

/// An object about one name.
pub(crate) fn object(decision: &Decision, subject: Subject<'_>, layout: &Layout) -> Object {
    let Subject {
        implementation,
        image,
    } = subject;
    let action = match &decision.action {
        Action::Wrap(_) => "wrap",
        Action::Replicate(_) => "replicate",
        Action::Keep => "keep",
        Action::Leave(_) => "leave",
        Action::Refuse(_) => "refuse",
        Action::Clean => "remove",
    };
    let object = Object::new()
        .with("implementation", implementation.to_string())
        .with_path("image", image)
        .with_path("path", &decision.path())
        .with("action", action);
    match &decision.action {
        Action::Wrap(wrap) | Action::Replicate(wrap) => object
            .with_path(
                "script",
                &layout.scripts(implementation).join(&decision.name),
            )
            .with_path("interpreter", &wrap.head.interpreter),
        Action::Leave(why) | Action::Refuse(why) => object.with("reason", why.as_str()),
        Action::Keep | Action::Clean => object,
    }
}

/// One line about the whole image.
pub(crate) fn summary(plan: &Plan) -> String {
    let wrapped = plan.wraps().count();
    let is_left = |decision: &&Decision| matches!(decision.action, Action::Leave(_) | Action::Keep);
    let left = plan.decisions.iter().filter(is_left).count();
    let scripts = if wrapped == 1 { "script" } else { "scripts" };
    format!("{wrapped} {scripts} wrapped, {left} left alone")
}
