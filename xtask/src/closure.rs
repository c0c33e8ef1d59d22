use anyhow::ensure;

use crate::workspace::closure;

/// Crates that a program that only loads, scores, streams and alarms has no need of.
const NOT_FOR_SCORING: [&str; 7] = [
    "burn-train",
    "burn-optim",
    "burn-autodiff",
    "burn-dataset",
    "parquet",
    "polars",
    "tokenizers",
];

/// Checks that `aster-detect` without features depends on none of them.
pub(crate) fn check() -> anyhow::Result<()> {
    let crates = closure("aster-detect", "normal", &["--no-default-features"])?;
    let names = crates.iter().map(|(name, _)| name.as_str());
    let found: Vec<&str> = names.filter(|name| NOT_FOR_SCORING.contains(name)).collect();
    ensure!(found.is_empty(), "aster-detect depends on {found:?}: expected none of them");
    println!("aster-detect depends on none of {}", NOT_FOR_SCORING.join(", "));
    Ok(())
}
