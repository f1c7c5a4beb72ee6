//! What a person or a program reads about a plan: a line and a JSON object for each script, and one summary.

use std::path::Path;

use common::json::Object;
use common::{Implementation, show};

use crate::layout::Layout;
use crate::plan::{Action, Decision, Edition};

/// What is reported on one script or name.
pub(crate) struct Note {
    pub(crate) line: String,
    pub(crate) object: Object,
}

/// The image that notes are about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) implementation: &'a Implementation,
    pub(crate) layout: &'a Layout,
    pub(crate) image: &'a Path,
}

impl Subject<'_> {
    /// One note for each edition of a script, or one for a name that gets no wrapper.
    pub(crate) fn notes(self, decision: &Decision) -> Vec<Note> {
        let (action, verb, reason) = match &decision.action {
            Action::Wrap(edition) => return vec![self.wrapping(decision, edition, "wrap")],
            Action::Replicate(_, editions) => {
                let note = |edition| self.wrapping(decision, edition, "replicate");
                return editions.iter().map(note).collect();
            }
            Action::Keep => ("keep", "leave", "wrapped already"),
            Action::Leave(why) => ("leave", "leave", why.as_str()),
            Action::Refuse(why) => ("refuse", "refuse", why.as_str()),
            Action::Clean => ("remove", "remove", "left by a run that was killed"),
        };
        let mut object = self.object(self.implementation, decision, action);
        if matches!(action, "leave" | "refuse") {
            object = object.with("reason", reason);
        }
        let path = decision.path();
        let line = format!(
            "{}: {verb} {}: {reason}",
            self.implementation,
            show::path(&path)
        );
        vec![Note { line, object }]
    }

    fn wrapping(self, decision: &Decision, edition: &Edition, action: &str) -> Note {
        let Edition {
            implementation,
            head,
            ..
        } = edition;
        let path = decision.path();
        let script = self.layout.scripts(implementation).join(&decision.name);
        let line = format!(
            "{implementation}: wrap {} as {} for {}",
            show::path(&path),
            show::path(&script),
            show::path(&head.interpreter)
        );
        let object = self.object(implementation, decision, action);
        let object = object.with_path("script", &script);
        Note {
            line,
            object: object.with_path("interpreter", &head.interpreter),
        }
    }

    fn object(self, implementation: &Implementation, decision: &Decision, action: &str) -> Object {
        Object::new()
            .with("implementation", implementation.to_string())
            .with_path("image", self.image)
            .with_path("path", &decision.path())
            .with("action", action)
    }
}

/// Counts the scripts of an image.
pub(crate) fn summary(decisions: &[&Decision]) -> String {
    let wrapped = decisions.iter().filter(|d| d.wrapping().is_some()).count();
    let is_left =
        |decision: &&&Decision| matches!(decision.action, Action::Leave(_) | Action::Keep);
    let left = decisions.iter().filter(is_left).count();
    let scripts = if wrapped == 1 { "script" } else { "scripts" };
    format!("{wrapped} {scripts} wrapped, {left} left alone")
}
