//! Which runs there are, in declared order.

use std::ffi::{OsStr, OsString};

use common::{Error, Result};

use crate::settings::{Settings, Which};

/// One run, by name.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    pub(crate) name: OsString,
}

/// Decides which runs there are to be.
pub(crate) fn select(settings: &Settings) -> Result<Vec<Choice>> {
    match &settings.which {
        Which::Variants(names) => names.iter().map(|name| variant(name)).collect(),
        Which::Implementations(_) => Err(Error::said("find implementations", "not yet")),
    }
}

fn variant(name: &OsStr) -> Result<Choice> {
    use std::os::unix::ffi::OsStrExt;
    if name.as_bytes().contains(&b'/') {
        return Err(Error::refused(
            "use variant",
            name,
            "a slash cannot be in a variant",
        ));
    }
    Ok(Choice {
        name: name.to_owned(),
    })
}
