use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use syn::visit::Visit;

use crate::workspace::root;

/// Checks every crate's sources: no file imports through its own crate's root, and no files
/// import each other in a circle. Tests may do both.
pub(crate) fn check() -> anyhow::Result<()> {
    let (mut faults, mut files) = (vec![], 0);
    for crate_folder in std::fs::read_dir(root().join("crates"))? {
        let source = crate_folder?.path().join("src");
        let modules = modules(&source)?;
        files += modules.len();
        let graph = graph(&modules, &mut faults)?;
        for circle in circles(&graph) {
            let names: Vec<String> = circle.iter().map(|module| module.join("::")).collect();
            faults.push(format!("{}: a circle of {}", source.display(), names.join(", ")));
        }
    }
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    println!("{files} files without a circle or an import through their crate's root");
    Ok(())
}

/// Path of a module from its crate's root.
type Module = Vec<String>;

/// The files of a crate by the module that each holds.
fn modules(source: &Path) -> anyhow::Result<BTreeMap<Module, PathBuf>> {
    let mut modules = BTreeMap::new();
    let mut folders = vec![source.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let inner = path.strip_prefix(source)?.with_extension("");
            let mut module: Module =
                inner.iter().map(|part| part.to_string_lossy().into_owned()).collect();
            if matches!(module.last().map(String::as_str), Some("mod" | "lib")) {
                module.pop();
            }
            modules.insert(module, path);
        }
    }
    Ok(modules)
}

type Graph = BTreeMap<Module, BTreeSet<Module>>;

fn graph(modules: &BTreeMap<Module, PathBuf>, faults: &mut Vec<String>) -> anyhow::Result<Graph> {
    let mut graph = Graph::new();
    for (module, path) in modules {
        let text = std::fs::read_to_string(path)?;
        let file = syn::parse_file(&text).with_context(|| path.display().to_string())?;
        let mut paths = Paths::default();
        paths.visit_file(&file);
        let mut imported = BTreeSet::new();
        for path_in_code in paths.0 {
            let Some(target) = resolve(module, &path_in_code, modules) else { continue };
            // The root itself re-exports everything, by design.
            if target.is_empty() && !module.is_empty() {
                let name = path_in_code.join("::");
                faults.push(format!("{}: {name} comes through the root", path.display()));
            } else if target != *module {
                imported.insert(target);
            }
        }
        if !module.is_empty() {
            graph.insert(module.clone(), imported);
        }
    }
    Ok(graph)
}

/// The file that a path leads to: the longest beginning of it that is a module of the crate.
fn resolve(
    module: &Module,
    path: &[String],
    modules: &BTreeMap<Module, PathBuf>,
) -> Option<Module> {
    let (mut base, rest) = match path.first()?.as_str() {
        "crate" => (vec![], &path[1..]),
        "self" => (module.clone(), &path[1..]),
        "super" => {
            let levels = path.iter().take_while(|part| *part == "super").count();
            (module[..module.len().checked_sub(levels)?].to_vec(), &path[levels..])
        }
        // A child of this module, or another crate.
        child => {
            let named: Module = module.iter().cloned().chain([child.to_string()]).collect();
            if !modules.contains_key(&named) {
                return None;
            }
            (module.clone(), path)
        }
    };
    for part in rest {
        base.push(part.clone());
        if !modules.contains_key(&base) {
            base.pop();
            break;
        }
    }
    Some(base)
}

/// Groups of modules of which each reaches each other.
fn circles(graph: &Graph) -> Vec<Vec<Module>> {
    let reached = |from: &Module| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
        while let Some(module) = open.pop() {
            for next in graph.get(module).into_iter().flatten() {
                if seen.insert(next.clone()) {
                    open.push(next);
                }
            }
        }
        seen
    };
    let reach: BTreeMap<&Module, BTreeSet<Module>> =
        graph.keys().map(|module| (module, reached(module))).collect();
    let mutual = |a: &Module, b: &Module| reach[a].contains(b) && reach[b].contains(a);
    let mut circles: Vec<Vec<Module>> = vec![];
    for module in graph.keys().filter(|module| mutual(module, module)) {
        match circles.iter_mut().find(|circle| mutual(&circle[0], module)) {
            Some(circle) => circle.push(module.clone()),
            None => circles.push(vec![module.clone()]),
        }
    }
    circles
}

/// All paths of a file outside its tests.
#[derive(Default)]
struct Paths(Vec<Vec<String>>);

impl Paths {
    fn add_tree(&mut self, tree: &syn::UseTree, before: &[String]) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.add_tree(&path.tree, &with(&path.ident)),
            syn::UseTree::Name(name) => self.0.push(with(&name.ident)),
            syn::UseTree::Rename(name) => self.0.push(with(&name.ident)),
            syn::UseTree::Glob(_) => self.0.push(before.to_vec()),
            syn::UseTree::Group(group) => {
                group.items.iter().for_each(|item| self.add_tree(item, before));
            }
        }
    }
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        syn::Meta::List(list) => {
            let names = |token: proc_macro2::TokenTree| token.to_string().contains("test");
            list.path.is_ident("cfg") && list.tokens.clone().into_iter().any(names)
        }
        _ => false,
    })
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !is_test(&module.attrs) {
            syn::visit::visit_item_mod(self, module);
        }
    }

    // `pub(crate)` is no import.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.add_tree(&item.tree, &[]);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts: Vec<String> =
            path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if parts.len() > 1 && (parts[0] == "crate" || parts[0] == "super") {
            self.0.push(parts);
        }
        syn::visit::visit_path(self, path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(path: &str) -> Module {
        path.split("::").filter(|part| !part.is_empty()).map(String::from).collect()
    }

    #[test]
    fn paths_lead_to_the_files_that_hold_their_items() {
        let files = ["", "a", "a::b", "c"];
        let modules = files.map(|path| (module(path), PathBuf::new())).into();
        let leads = |from: &str, path: &str| {
            resolve(&module(from), &module(path), &modules).map(|module| module.join("::"))
        };
        assert_eq!(leads("c", "crate::a::b::Item").unwrap(), "a::b");
        assert_eq!(leads("c", "crate::Item").unwrap(), "", "through the root");
        assert_eq!(leads("a", "b::Item").unwrap(), "a::b");
        assert_eq!(leads("a::b", "super::Item").unwrap(), "a");
        assert_eq!(leads("a", "serde::Serialize"), None);
    }

    #[test]
    fn circles_are_found_and_chains_are_none() {
        let graph = |edges: &[(&str, &str)]| {
            let mut graph = Graph::new();
            for (from, to) in edges {
                graph.entry(module(from)).or_default().insert(module(to));
                graph.entry(module(to)).or_default();
            }
            graph
        };
        assert!(circles(&graph(&[("a", "b"), ("b", "c"), ("a", "c")])).is_empty());
        let found = circles(&graph(&[("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")]));
        assert_eq!(found, [[module("a"), module("b"), module("c")]]);
    }

    #[test]
    fn tests_may_import_what_they_like() {
        let text = "use crate::a::A;\n#[cfg(test)]\nmod tests { use super::*; }";
        let mut paths = Paths::default();
        paths.visit_file(&syn::parse_file(text).unwrap());
        assert_eq!(paths.0, [["crate", "a", "A"]]);
    }
}
