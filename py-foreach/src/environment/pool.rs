//! The pool in a job's environment, and what would switch it off taken out.

use std::ffi::OsStr;

use crate::clients::Kind;
use crate::job::PoolView;
use crate::makeflags::{Form, with_pool, without_jobs};
use crate::variables::Variables;

/// Lists of words in which a `-j` would switch the pool off.
const LISTS: [&str; 5] = [
    "MAKEOPTS",
    "NINJAOPTS",
    "SAMUFLAGS",
    "MFLAGS",
    "GNUMAKEFLAGS",
];

/// Numbers of jobs for tools that know no pool.
const SHARES: [&str; 2] = ["MAX_JOBS", "NPY_NUM_BUILD_JOBS"];

/// Puts the pool into `variables`.
pub(super) fn hand_over(variables: &mut Variables, pool: &PoolView) {
    let flags = variables.get("MAKEFLAGS").unwrap_or_default().to_owned();
    let form = match pool.make {
        Kind::Descriptors => Form::FifoSparingOldMake(&pool.fifo),
        Kind::Fifo | Kind::Alone => Form::Fifo(&pool.fifo),
    };
    variables.set("MAKEFLAGS", with_pool(&flags, form));
    variables.set(
        "CARGO_MAKEFLAGS",
        with_pool(OsStr::new(""), Form::Fifo(&pool.fifo)),
    );
    for list in LISTS {
        if let Some(words) = variables.get(list) {
            let words = without_jobs(words);
            variables.set(list, words);
        }
    }
    // cmake --build gives this number to make and ninja as -j, and they leave the pool.
    variables.unset("CMAKE_BUILD_PARALLEL_LEVEL");
    for name in SHARES {
        let own = variables
            .get(name)
            .and_then(|n| n.to_str()?.parse::<usize>().ok());
        let share = own
            .filter(|own| *own > 0)
            .map_or(pool.share, |own| own.min(pool.share));
        variables.set(name, share.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pool_is_everywhere_and_nothing_switches_it_off() {
        let mut variables = Variables::from([
            ("MAKEFLAGS", "ks -j8 -- V=1"),
            ("MAKEOPTS", "-j8 -l4"),
            ("NINJAOPTS", "-v -j 9"),
            ("CMAKE_BUILD_PARALLEL_LEVEL", "8"),
            ("MAX_JOBS", "2"),
        ]);
        let mut pool = PoolView {
            fifo: "/f".into(),
            share: 4,
            make: Kind::Fifo,
        };
        hand_over(&mut variables, &pool);
        let expected = Variables::from([
            ("CARGO_MAKEFLAGS", " -j --jobserver-auth=fifo:/f"),
            ("MAKEFLAGS", "ks -j --jobserver-auth=fifo:/f -- V=1"),
            ("MAKEOPTS", "-l4"),
            ("NINJAOPTS", "-v"),
            ("MAX_JOBS", "2"),
            ("NPY_NUM_BUILD_JOBS", "4"),
        ]);
        assert_eq!(variables, expected);
        pool.make = Kind::Descriptors;
        hand_over(&mut variables, &pool);
        let sparing = "ks -j --jobserver-auth=fifo:/f --jobserver-f=-2,-2 -- V=1";
        assert_eq!(variables.get("MAKEFLAGS").unwrap(), sparing);
    }
}
