//! Benchmarks of ASTER; see `benches/*.rs`.
