//! The shell side, run by a real Portage: `eclass/py-multibuild.eclass` and `eclass/bashrc`.
//!
//! `tests/portage/rig` lays Portage (from the package index) with the interpreters of this machine, `tests/portage/repo`
//! is the repository that it builds from. Every test runs `ebuild FILE clean …` as a user does.

mod at_once;
mod dying;
mod gentoo;
mod hook;
mod hostile;
mod image;
mod interrupted;
mod merging;
mod rig;
