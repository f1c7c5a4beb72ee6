//! What one name is in several images: a wrapper in one and something else in another is told.
//!
//! Each image is right in itself, and whether they can be merged is for the merge to say; here is why.

use std::collections::BTreeMap;
use std::path::PathBuf;

use common::{Implementation, show};

use crate::plan::{Action, Plan};

/// The names of the images so far.
#[derive(Debug, Default)]
pub(crate) struct Across {
    wrapped: BTreeMap<PathBuf, Implementation>,
    other: BTreeMap<PathBuf, (Implementation, String)>,
}

impl Across {
    /// Adds an image; a line for each name that is not the same thing as before.
    pub(crate) fn add(&mut self, plan: &Plan, implementation: &Implementation) -> Vec<String> {
        let mut notes = Vec::new();
        for decision in &plan.decisions {
            let path = decision.path();
            match &decision.action {
                Action::Wrap(_) | Action::Keep => {
                    if let Some((first, why)) = self.other.get(&path) {
                        notes.push(note(&path, implementation, first, why));
                    }
                    self.wrapped
                        .entry(path)
                        .or_insert_with(|| implementation.clone());
                }
                Action::Leave(why) => {
                    if let Some(first) = self.wrapped.get(&path) {
                        notes.push(note(&path, first, implementation, why));
                    }
                    let value = || (implementation.clone(), why.clone());
                    self.other.entry(path).or_insert_with(value);
                }
                Action::Refuse(_) | Action::Clean => {}
            }
        }
        notes
    }
}

fn note(path: &PathBuf, wrapped: &Implementation, other: &Implementation, why: &str) -> String {
    let path = show::path(path);
    format!("{path}: a wrapper for {wrapped}, and {why} for {other}")
}
