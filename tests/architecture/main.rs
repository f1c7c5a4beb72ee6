//! Holds the code to ARCHITECTURE.md: each module uses only modules that stand below it in the document's
//! tables, no two modules use each other in a circle, and the document names every module.

mod arrows;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use arrows::{Crate, Module};

/// The crates, and their root files below the top of the repository.
const CRATES: [(&str, &str); 5] = [
    ("common", "common/src/lib.rs"),
    ("img-merge", "img-merge/src/lib.rs"),
    ("py-foreach", "py-foreach/src/lib.rs"),
    ("py-wrapper", "py-wrapper/src/lib.rs"),
    ("py-exec", "py-wrapper/py-exec/src/lib.rs"),
];

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn no_modules_use_each_other_in_a_circle() {
    let mut found = Vec::new();
    for (name, root) in CRATES {
        let circles = circles(&Crate::read(&top().join(root)).arrows());
        found.extend(
            circles
                .iter()
                .map(|circle| format!("{name}: {}", circle.join(", "))),
        );
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn each_module_uses_only_what_stands_below_it() {
    let document = std::fs::read_to_string(top().join("ARCHITECTURE.md")).unwrap();
    let mut wrong = Vec::new();
    for (name, root) in CRATES {
        let rooms = rooms(&document, name);
        let code = Crate::read(&top().join(root));
        let row = |module: &Module| {
            let parts = (1..=module.len()).rev();
            let mut names = parts.map(|length| module[..length].join("::"));
            names.find_map(|room| rooms.get(&room).copied())
        };
        for module in code.modules().filter(|module| row(module).is_none()) {
            wrong.push(format!("{name}: {} has no row", module.join("::")));
        }
        let known: BTreeSet<String> = code.modules().map(|module| module.join("::")).collect();
        for room in rooms.keys().filter(|room| !known.contains(*room)) {
            wrong.push(format!("{name}: there is no module {room}"));
        }
        for (user, used) in code.arrows() {
            if row(&user) > row(&used) {
                let (above, below) = (user.join("::"), used.join("::"));
                wrong.push(format!(
                    "{name}: {above} uses {below}, which stands above it"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The rows of a crate's table in the document: a room's name, and how far down it stands.
///
/// The table follows the heading `### Modules of CRATE`; the first cell of a row holds one or more names in
/// backticks, which stand side by side.
fn rooms(document: &str, name: &str) -> BTreeMap<String, usize> {
    let heading = format!("### Modules of {name}\n");
    let (_, rest) = document
        .split_once(&heading)
        .unwrap_or_else(|| panic!("ARCHITECTURE.md has no heading {heading:?}"));
    let rows = rest.lines().skip_while(|line| !line.starts_with('|'));
    let rows = rows.take_while(|line| line.starts_with('|')).skip(2);
    rows.enumerate()
        .flat_map(|(at, row)| {
            let cell = row.split('|').nth(1).unwrap_or_default();
            let names = cell.split('`').skip(1).step_by(2);
            names.map(move |name| (name.to_owned(), at))
        })
        .collect()
}

/// The groups of modules that reach each other.
fn circles(arrows: &BTreeSet<(Module, Module)>) -> BTreeSet<Vec<String>> {
    let reached = |from: &Module| {
        let mut seen = BTreeSet::new();
        let mut next = vec![from];
        while let Some(module) = next.pop() {
            for (_, used) in arrows.iter().filter(|(user, _)| user == module) {
                if seen.insert(used) {
                    next.push(used);
                }
            }
        }
        seen
    };
    let all: BTreeSet<&Module> = arrows.iter().map(|(user, _)| user).collect();
    let reached: BTreeMap<_, _> = all
        .iter()
        .map(|&module| (module, reached(module)))
        .collect();
    let circle_of = |&module: &&Module| {
        let reaches_back =
            |other: &&&Module| reached.get(*other).is_some_and(|r| r.contains(module));
        let members = reached[module].iter().filter(reaches_back);
        members.map(|other| other.join("::")).collect::<Vec<_>>()
    };
    all.iter()
        .map(circle_of)
        .filter(|circle| !circle.is_empty())
        .collect()
}

#[test]
fn a_circle_and_a_row_are_read_as_they_stand() {
    let module = |name: &str| vec![name.to_owned()];
    let arrows = [("a", "b"), ("b", "c"), ("c", "a"), ("c", "d")];
    let arrows = arrows
        .iter()
        .map(|(user, used)| (module(user), module(used)));
    let found = circles(&arrows.collect());
    assert_eq!(
        found,
        BTreeSet::from([vec!["a".into(), "b".into(), "c".into()]])
    );
    let document = "### Modules of x\n\n| module | is |\n|---|---|\n| `a`, `b::c` | `no` |\n| `d` | |\n\n| `e` |\n";
    let expected = [("a", 0), ("b::c", 0), ("d", 1)];
    let expected = expected.map(|(name, row)| (name.to_owned(), row));
    assert_eq!(rooms(document, "x"), BTreeMap::from(expected));
}
