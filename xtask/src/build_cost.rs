use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::workspace::{closure, root};

/// Variable that names the log of compiler calls.
const LOG: &str = "ASTER_BUILD_LOG";

/// Program whose release build is measured.
struct Program {
    name: &'static str,
    package: &'static str,
    features: &'static [&'static str],
    target: &'static [&'static str],
}

impl Program {
    const fn facade(name: &'static str, features: &'static [&'static str]) -> Self {
        Self { name, package: "aster-tsad", features, target: &["--lib"] }
    }
}

const PROGRAMS: [Program; 5] = [
    Program::facade("score only", &["--no-default-features", "--features", "flex"]),
    Program::facade("score, with `files`", &["--no-default-features", "--features", "flex,files"]),
    Program::facade("default features", &[]),
    Program {
        name: "the quick start",
        package: "aster-examples",
        features: &[],
        target: &["--example", "quickstart"],
    },
    Program::facade("default features and `report`", &["--features", "report"]),
];

/// Prints a table of crates and CPU seconds of cold release builds, of all programs or of those
/// whose names hold a word.
///
/// All programs are built in one folder. Each call of the compiler is measured once, by this
/// program as cargo's wrapper around it; the cost of a program is that of all units it consists
/// of, whether or not another program has built them before. Build scripts are compiled in it and
/// their own running time is not.
pub(crate) fn print(folder: &Path, word: &str) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    let log = folder.canonicalize()?.join("compiler.log");
    println!("| program | crates linked | crates compiled | CPU s |\n|---|---|---|---|");
    for program in PROGRAMS.iter().filter(|program| program.name.contains(word)) {
        let Program { name, package, features, .. } = program;
        let units = build(folder, &log, program)?;
        let costs = read(&log)?;
        let seconds: f64 = units.iter().filter_map(|unit| costs.get(unit)).sum();
        let linked = closure(package, "normal,no-proc-macro", features)?.len();
        let compiled = closure(package, "normal,build", features)?.len();
        println!("| {name} | {linked} | {compiled} | {seconds:.0} |");
    }
    Ok(())
}

/// Builds a program; returns the units of which it consists.
fn build(folder: &Path, log: &Path, program: &Program) -> anyhow::Result<Vec<String>> {
    let Program { name, package, features, target } = program;
    let output = Command::new("cargo")
        .args(["build", "--release", "--package", package, "--message-format", "json"])
        .args(*features)
        .args(*target)
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .env("RUSTC_WRAPPER", std::env::current_exe()?)
        .env("CARGO_INCREMENTAL", "0")
        .env(LOG, log)
        .current_dir(root())
        .stderr(std::process::Stdio::inherit())
        .output()?;
    ensure!(output.status.success(), "the build of {name} failed");
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
