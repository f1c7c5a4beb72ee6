//! Shows a plan instead of carrying it out.

use std::io::{self, BufWriter, Write};

use common::{Error, Result, show};

use super::{Act, Plan, as_os};
use crate::destination::{Destination, State};
use crate::image::Image;

/// Prints one line for each name on standard output: what becomes of it, its path, and its image.
pub(crate) fn print(plan: &Plan, images: &[Image], destination: &Destination) -> Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    write_plan(&mut out, plan, images, destination)
        .and_then(|()| out.flush())
        .map_err(|cause| Error::io("write to", "standard output", cause))
}

fn write_plan(
    out: &mut impl Write,
    plan: &Plan,
    images: &[Image],
    destination: &Destination,
) -> io::Result<()> {
    if destination.state == State::Missing {
        writeln!(out, "make\t{}", show::path(&destination.path))?;
    }
    for step in &plan.dirs {
        if step.found.is_none() && !step.path.as_os_str().is_empty() {
            writeln!(out, "make\t{}", show::path(&step.place))?;
        }
        for name in &step.names {
            let path = step.place.join(as_os(&name.name));
            let image = show::path(&images[name.image].path);
            let slash = if name.kind.is_dir() { "/" } else { "" };
            writeln!(
                out,
                "{}\t{}{slash}\t{image}",
                word(name.act),
                show::path(&path)
            )?;
        }
    }
    Ok(())
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
