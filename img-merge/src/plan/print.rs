//! Shows a plan instead of carrying it out.

use std::io::{self, BufWriter, Write};

use common::{Error, Result, show};

use super::{Act, Plan, Step, as_os};
use crate::destination::{Destination, State};
use crate::image::Image;

/// Prints one line for each name on standard output: what becomes of it, its path, and its image.
///
/// Of the first `before` images nothing is said: they count as merged.
pub(crate) fn print(
    plan: &Plan,
    images: &[Image],
    before: usize,
    destination: &Destination,
) -> Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    write_plan(&mut out, plan, images, before, destination)
        .and_then(|()| out.flush())
        .map_err(|cause| Error::io("write to", "standard output", cause))
}

fn write_plan(
    out: &mut impl Write,
    plan: &Plan,
    images: &[Image],
    before: usize,
    destination: &Destination,
) -> io::Result<()> {
    if destination.state == State::Missing && before == 0 {
        writeln!(out, "make\t{}", show::path(&destination.path))?;
    }
    for step in &plan.dirs {
        let is_new = step.images.iter().all(|(image, _)| *image >= before);
        if step.found.is_none() && is_new && !step.path.as_os_str().is_empty() {
            writeln!(out, "make\t{}", show::path(&step.place))?;
        }
        for (at, name) in step.names.iter().enumerate() {
            if name.image < before {
                continue;
            }
            let path = step.place.join(as_os(&name.name));
            let image = show::path(&images[name.image].path);
            let slash = if name.kind.is_dir() { "/" } else { "" };
            let word = if outdoes(&step.names[..at], name, before) {
                "replace"
            } else {
                word(name.act)
            };
            writeln!(out, "{word}\t{}{slash}\t{image}", show::path(&path))?;
        }
    }
    Ok(())
}

/// Whether one of the images before has brought what this takes the place of.
fn outdoes(others: &[Step], name: &Step, before: usize) -> bool {
    // The names are in order, each with all of its images.
    let same = others.iter().rev().take_while(|o| o.name == name.name);
    let mut outdone = same.filter(|o| o.image < before && o.act == Act::Outdone);
    name.act == Act::Place && outdone.next().is_some()
}

fn word(act: Act) -> &'static str {
    match act {
        Act::Place => "bring",
        Act::Replace(_) => "replace",
        Act::There => "there",
        Act::Same => "same",
        Act::Kept => "keep",
        Act::Outdone => "outdone",
    }
}
