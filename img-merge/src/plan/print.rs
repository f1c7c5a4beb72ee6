//! Prints a plan instead of carrying it out.

use std::io::{self, BufWriter, Write};

use common::fs::as_os;
use common::{Error, Result, show};

use super::steps::{Act, Plan};
use crate::destination::State;
use crate::inputs::Inputs;

/// Prints one line for each name on standard output: what to do, its path, and its image.
pub(crate) fn print(plan: &Plan, inputs: Inputs<'_>) -> Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    write_plan(&mut out, plan, inputs)
        .and_then(|()| out.flush())
        .map_err(|cause| Error::io("write to", "standard output", cause))
}

fn write_plan(out: &mut impl Write, plan: &Plan, inputs: Inputs<'_>) -> io::Result<()> {
    if inputs.destination.state == State::Missing {
        writeln!(out, "make\t{}", show::path(&inputs.destination.path))?;
    }
    for step in &plan.dirs {
        if step.found.is_none() && !step.path.as_os_str().is_empty() {
            writeln!(out, "make\t{}", show::path(&step.place))?;
        }
        for name in &step.names {
            let path = step.place.join(as_os(&name.name));
            let image = show::path(inputs.root_of(Some(name.image)));
            let slash = if name.kind.is_dir() { "/" } else { "" };
            let word = word(name.act);
            writeln!(out, "{word}\t{}{slash}\t{image}", show::path(&path))?;
        }
    }
    Ok(())
}

fn word(act: Act) -> &'static str {
    match act {
        Act::Place => "add",
        Act::Replace(_) => "replace",
        Act::There => "there",
        Act::Same => "same",
        Act::Kept => "keep",
        Act::Superseded => "superseded",
    }
}
