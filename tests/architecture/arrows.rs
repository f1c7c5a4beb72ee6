//! Who uses whom: the paths of each module, led back to the module that defines the name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree, Visibility};

/// A module by its path below the crate, such as `act::undo`; the crate itself is the empty one.
pub(crate) type Module = Vec<String>;

/// The modules of one crate, by their paths.
pub(crate) struct Crate {
    modules: BTreeMap<Module, Source>,
}

/// What one file says.
struct Source {
    /// Paths that its code uses, relative to the crate.
    uses: BTreeSet<Vec<String>>,
    /// Names that it only hands on: `pub use child::Name`, and where they come from.
    hands_on: BTreeMap<String, Vec<String>>,
}

impl Crate {
    /// Reads the crate whose root file is `root`, without its unit tests.
    pub(crate) fn read(root: &Path) -> Self {
        let mut modules = BTreeMap::new();
        let folder = root.parent().expect("the root lies in a directory");
        read_module(root, folder, Vec::new(), &mut modules);
        Self { modules }
    }

    /// All modules but the root.
    pub(crate) fn modules(&self) -> impl Iterator<Item = &Module> {
        self.modules.keys().filter(|path| !path.is_empty())
    }

    /// Each pair (user, used) of different modules. The root uses everything and is left out.
    pub(crate) fn arrows(&self) -> BTreeSet<(Module, Module)> {
        let mut arrows = BTreeSet::new();
        for (module, source) in &self.modules {
            for path in &source.uses {
                let used = self.definer(path);
                if !module.is_empty() && !used.is_empty() && used != *module {
                    arrows.insert((module.clone(), used));
                }
            }
        }
        arrows
    }

    /// The module that defines what `path` names: through every module that only hands the name on.
    fn definer(&self, path: &[String]) -> Module {
        let mut path = path.to_vec();
        for _ in 0..8 {
            let depth = (0..=path.len())
                .rev()
                .find(|&depth| self.modules.contains_key(&path[..depth]))
                .unwrap_or(0);
            let name = path.get(depth);
            let from = name.and_then(|name| self.modules[&path[..depth]].hands_on.get(name));
            match from {
                Some(from) => {
                    let rest = path.split_off(depth + 1);
                    path = [from.clone(), rest].concat();
                }
                None => return path[..depth].to_vec(),
            }
        }
        panic!("{path:?} is handed on in a circle");
    }
}

fn read_module(file: &Path, folder: &Path, path: Module, modules: &mut BTreeMap<Module, Source>) {
    let text = std::fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let parsed = syn::parse_file(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let children: BTreeSet<String> = parsed
        .items
        .iter()
        .filter_map(|item| match item {
            Item::Mod(it) if it.content.is_none() && !is_test(&it.attrs) => {
                Some(it.ident.to_string())
            }
            _ => None,
        })
        .collect();
    for child in &children {
        let (file, below) = file_of(folder, child);
        let path = [path.clone(), vec![child.clone()]].concat();
        read_module(&file, &below, path, modules);
    }
    let mut reader = Reader {
        module: &path,
        children: &children,
        source: Source {
            uses: BTreeSet::new(),
            hands_on: BTreeMap::new(),
        },
    };
    for item in &parsed.items {
        reader.visit_item(item);
    }
    let source = reader.source;
    modules.insert(path, source);
}

/// The file of a module that is declared in `folder`, and the folder of its own modules.
fn file_of(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
    let below = folder.join(name);
    let flat = folder.join(format!("{name}.rs"));
    let file = if flat.exists() {
        flat
    } else {
        below.join("mod.rs")
    };
    (file, below)
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Ident>()
                .is_ok_and(|it| it == "test")
    })
}

struct Reader<'a> {
    module: &'a Module,
    children: &'a BTreeSet<String>,
    source: Source,
}

impl Reader<'_> {
    /// The path below the crate; nothing for one that leads out of it.
    fn absolute(&self, path: &[String]) -> Option<Vec<String>> {
        let mut base = self.module.clone();
        let mut rest = path;
        match path.first()?.as_str() {
            "crate" => {
                base.clear();
                rest = &path[1..];
            }
            "self" => rest = &path[1..],
            "super" => {
                while rest.first().is_some_and(|first| first == "super") {
                    base.pop();
                    rest = &rest[1..];
                }
            }
            first if self.children.contains(first) => {}
            _ => return None,
        }
        Some([base, rest.to_vec()].concat())
    }

    fn use_tree(&mut self, tree: &UseTree, before: &[String], is_handed_on: bool) {
        let with = |name: &syn::Ident| [before.to_vec(), vec![name.to_string()]].concat();
        match tree {
            UseTree::Path(it) => self.use_tree(&it.tree, &with(&it.ident), is_handed_on),
            UseTree::Group(it) => {
                for tree in &it.items {
                    self.use_tree(tree, before, is_handed_on);
                }
            }
            UseTree::Name(it) if it.ident == "self" => {
                let name = before.last().cloned().unwrap_or_default();
                self.used(before, &name, is_handed_on);
            }
            UseTree::Name(it) => self.used(&with(&it.ident), &it.ident.to_string(), is_handed_on),
            UseTree::Rename(it) => {
                self.used(&with(&it.ident), &it.rename.to_string(), is_handed_on);
            }
            UseTree::Glob(_) => self.used(before, "*", is_handed_on),
        }
    }

    fn used(&mut self, path: &[String], name: &str, is_handed_on: bool) {
        let Some(path) = self.absolute(path) else {
            return;
        };
        if is_handed_on && name != "*" {
            self.source.hands_on.insert(name.to_owned(), path);
        } else {
            self.source.uses.insert(path);
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes = match item {
            Item::Mod(it) => &it.attrs,
            Item::Fn(it) => &it.attrs,
            Item::Impl(it) => &it.attrs,
            Item::Use(it) => &it.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !is_test(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let is_handed_on = !matches!(item.vis, Visibility::Inherited);
        self.use_tree(&item.tree, &[], is_handed_on);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        if names.len() > 1 {
            self.used(&names, "", false);
        }
        visit::visit_path(self, path);
    }
}
