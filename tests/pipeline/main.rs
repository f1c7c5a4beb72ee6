//! Tests of the whole pipe, through the programs, with real Pythons and real pip.

mod bench;
mod failure;
mod interrupt;
mod pypi;
mod refusals;
mod whole;
