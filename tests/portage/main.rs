//! Tests of the shell side, `eclass/py-multibuild.eclass` and `eclass/bashrc`, in a real Portage.
//!
//! `tests/portage/rig` installs Portage from the package index for the interpreters of this machine, and `tests/portage/repo` is its
//! repository. Every test runs `ebuild FILE clean …` as a user does.

mod at_once;
mod dying;
mod gentoo;
mod hook;
mod hostile;
mod image;
mod interrupted;
mod merging;
mod rig;
