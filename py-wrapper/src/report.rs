//! What a person or a program is told of a plan: lines, JSON objects, one summary.

use std::path::Path;

use common::json::Object;
use common::{Implementation, show};

use crate::layout::Layout;
use crate::plan::{Action, Decision, Plan};
use crate::replicate::Replica;
use crate::script::Head;

/// A line on what is done with one name.
pub(crate) fn line(
    decision: &Decision,
    implementation: &Implementation,
    layout: &Layout,
) -> String {
    let path = decision.path();
    let path = show::path(&path);
    match &decision.action {
        Action::Wrap(wrap) => {
            let script = layout.scripts(implementation).join(&decision.name);
            wrapping(&decision.path(), &script, &wrap.head)
        }
        Action::Keep => format!("leave {path}: wrapped already"),
        Action::Leave(why) => format!("leave {path}: {why}"),
        Action::Refuse(why) => format!("refuse {path}: {why}"),
        Action::Clean => format!("remove {path}: left by a run that was killed"),
    }
}

/// A line on a script that gets a wrapper.
pub(crate) fn wrapping(path: &Path, script: &Path, head: &Head) -> String {
    let (path, script) = (show::path(path), show::path(script));
    format!(
        "wrap {path} as {script} for {}",
        show::path(&head.interpreter)
    )
}

/// An object on a script that is installed for an implementation.
pub(crate) fn replicated(
    replica: &Replica,
    implementation: &Implementation,
    script: &Path,
    head: &Head,
    image: &Path,
) -> Object {
    Object::new()
        .with("implementation", implementation.to_string())
        .with_path("image", image)
        .with_path("path", &replica.bindir.join(&replica.name))
        .with("action", "replicate")
        .with_path("script", script)
        .with_path("interpreter", &head.interpreter)
}

/// The same as an object.
pub(crate) fn object(
    decision: &Decision,
    implementation: &Implementation,
    layout: &Layout,
    image: &Path,
) -> Object {
    let object = Object::new()
        .with("implementation", implementation.to_string())
        .with_path("image", image)
        .with_path("path", &decision.path());
    match &decision.action {
        Action::Wrap(wrap) => object
            .with("action", "wrap")
            .with_path(
                "script",
                &layout.scripts(implementation).join(&decision.name),
            )
            .with_path("interpreter", &wrap.head.interpreter),
        Action::Keep => object.with("action", "keep"),
        Action::Leave(why) => object.with("action", "leave").with("reason", why.as_str()),
        Action::Refuse(why) => object.with("action", "refuse").with("reason", why.as_str()),
        Action::Clean => object.with("action", "remove"),
    }
}

/// One line on the whole image.
pub(crate) fn summary(plan: &Plan, implementation: &Implementation) -> String {
    let wrapped = plan.wraps().count();
    let left = plan
        .decisions
        .iter()
        .filter(|d| matches!(d.action, Action::Leave(_) | Action::Keep))
        .count();
    let scripts = if wrapped == 1 { "script" } else { "scripts" };
    format!("{implementation}: {wrapped} {scripts} wrapped, {left} left alone")
}
