//! Checks of the workspace, and documents that are made from its sources: `cargo xtask <task>`.

mod build_cost;
mod closure;
mod docs;
mod imports;
mod workspace;

use anyhow::bail;

const USAGE: &str = "expected one of these tasks:
    imports                    no circle of files, no import through a crate's own root
    closure                    what a program that only scores does not compile
    docs <folder of binaries>  links of all pages, and the commands in them
    build-cost [<folder> [<program>]]
                               crates and CPU seconds of release builds, as Markdown";

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["imports"] => imports::check(),
        ["closure"] => closure::check(),
        ["docs", binaries] => docs::check(binaries.as_ref()),
        ["build-cost"] => build_cost::print("build-cost".as_ref(), ""),
        ["build-cost", folder] => build_cost::print(folder.as_ref(), ""),
        ["build-cost", folder, program] => build_cost::print(folder.as_ref(), program),
        // As a wrapper, cargo calls this with the compiler and its arguments.
        [compiler, ..] if compiler.ends_with("rustc") => build_cost::compile(&arguments),
        _ => bail!(USAGE),
    }
}
