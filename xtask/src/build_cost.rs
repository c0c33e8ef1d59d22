use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::workspace::{cargo, root};

/// Variable that names the log of compiler calls.
const LOG: &str = "ASTER_BUILD_LOG";

/// Programs whose release builds are measured: name, package, further arguments.
const PROGRAMS: [(&str, &str, &[&str]); 5] = [
    ("score only", "aster-tsad", &["--no-default-features", "--features", "flex"]),
    ("score, with `files`", "aster-tsad", &["--no-default-features", "--features", "flex,files"]),
    ("default features", "aster-tsad", &[]),
    ("the quick start", "aster-examples", &["--example", "quickstart"]),
    ("default features and `report`", "aster-tsad", &["--features", "report"]),
];

/// Prints a table of crates and CPU seconds of cold release builds.
///
/// All programs are built in one folder. Each call of the compiler is measured once, by this
/// program as cargo's wrapper around it; the cost of a program is that of all units it consists
/// of, whether or not another program has built them before. Build scripts are compiled in it and
/// their own running time is not.
pub(crate) fn print(folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    let log = folder.canonicalize()?.join("compiler.log");
    println!("| program | crates linked | crates compiled | CPU s |\n|---|---|---|---|");
    for (name, package, arguments) in PROGRAMS {
        let units = build(folder, &log, package, arguments)?;
        let costs = read(&log)?;
        let seconds: f64 = units.iter().filter_map(|unit| costs.get(unit)).sum();
        let linked = count(package, arguments, "normal,no-proc-macro")?;
        let compiled = count(package, arguments, "normal,build")?;
        println!("| {name} | {linked} | {compiled} | {seconds:.0} |");
    }
    Ok(())
}

/// Builds a program; returns the units of which it consists.
fn build(
    folder: &Path,
    log: &Path,
    package: &str,
    arguments: &[&str],
) -> anyhow::Result<Vec<String>> {
    let output = Command::new("cargo")
        .args(["build", "--release", "--package", package, "--message-format", "json"])
        .args(arguments)
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .env("RUSTC_WRAPPER", std::env::current_exe()?)
        .env("CARGO_INCREMENTAL", "0")
        .env(LOG, log)
        .current_dir(root())
        .stderr(std::process::Stdio::inherit())
        .output()?;
    ensure!(output.status.success(), "the build of {package} failed");
    let mut units = vec![];
    for line in String::from_utf8(output.stdout)?.lines() {
        let message: Value = serde_json::from_str(line)?;
        let files = message["filenames"].as_array().into_iter().flatten();
        // The hash that the compiler was given ends the name of a unit's file, or that of the
        // folder of a build script.
        let names = files.filter_map(Value::as_str).map(Path::new).flat_map(|file| {
            let folder = file.parent().and_then(Path::file_name);
            [file.file_stem(), folder].into_iter().flatten()
        });
        let hashes = names.filter_map(|name| name.to_str()?.rsplit_once('-').map(|(_, hash)| hash));
        units.extend(hashes.map(String::from));
    }
    units.sort();
    units.dedup();
    Ok(units)
}

/// CPU seconds by the hash of the unit.
fn read(log: &Path) -> anyhow::Result<BTreeMap<String, f64>> {
    let parse = |line: &str| {
        let (hash, seconds) = line.split_once(' ').context("a log of another kind")?;
        Ok((hash.to_string(), seconds.parse()?))
    };
    std::fs::read_to_string(log)?.lines().map(parse).collect()
}

/// Different crates of a program.
fn count(package: &str, arguments: &[&str], edges: &str) -> anyhow::Result<usize> {
    let mut all = vec!["tree", "--package", package, "--edges", edges, "--prefix", "none"];
    all.extend(
        arguments.iter().filter(|argument| !matches!(**argument, "--example" | "quickstart")),
    );
    let tree = cargo(&all)?;
    let names = tree.lines().map(|line| line.split_whitespace().take(2).collect::<Vec<_>>());
    Ok(names.filter(|name| !name.is_empty()).collect::<std::collections::BTreeSet<_>>().len())
}

/// Calls the compiler in cargo's place and logs the CPU time that it took.
pub(crate) fn compile(arguments: &[String]) -> anyhow::Result<()> {
    let [compiler, rest @ ..] = arguments else { return Ok(()) };
    let status = Command::new(compiler).args(rest).status()?;
    let hash = rest.iter().find_map(|word| word.strip_prefix("extra-filename=-"));
    if let (Some(hash), Some(log)) = (hash, std::env::var_os(LOG)) {
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(log)?;
        // One write, so that lines of compilers that end together do not mix.
        file.write_all(format!("{hash} {}\n", children_seconds()?).as_bytes())?;
    }
    std::process::exit(status.code().unwrap_or(1));
}

/// CPU seconds of the children that have ended: `cutime` and `cstime` of Linux, in ticks of which
/// there are a hundred a second.
fn children_seconds() -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").context("only Linux tells CPU times")?;
    let (_, fields) = stat.rsplit_once(')').context("a status of another kind")?;
    let ticks = fields.split_whitespace().skip(13).take(2);
    let ticks: Vec<f64> = ticks.map(str::parse).collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<f64>() / 100.0)
}
