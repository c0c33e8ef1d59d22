//! The memory that reading a CSV file takes is bounded by the size of the file.

#![allow(clippy::unwrap_used)] // in helpers; tests themselves are exempt

use std::alloc::System;

use aster_base::Configure;
use aster_data::{LoadOptions, Loaded, MissingPolicy};
use cap::Cap;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// What docs/own-data.md states: bytes for each byte of the file, for each column, and beside them.
const PER_BYTE: usize = 24;
const PER_COLUMN: usize = 1_000;
const BESIDE: usize = 8 << 20;

/// Whether a file can be read with so much more memory than is taken already. Beyond it an
/// allocation fails, which ends the process.
fn read_within(limit: usize, text: &str) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.csv");
    std::fs::write(&path, text).unwrap();
    let options = LoadOptions::with(|it| it.missing = MissingPolicy::ForwardFill);
    ALLOCATOR.set_limit(ALLOCATOR.allocated() + limit).unwrap();
    let read = Loaded::from_csv(&path, &options).is_ok();
    ALLOCATOR.set_limit(usize::MAX).unwrap();
    read
}

fn columns(text: &str) -> usize {
    text.lines().map(|line| line.matches(',').count() + 1).max().unwrap_or(1)
}

#[test]
fn a_file_takes_no_more_than_a_multiple_of_its_size() {
    let rows = |row: &str, count: usize| row.repeat(count);
    let wide = |name: &str| format!("{}\n{}\n", [name; 20_000].join(","), ["1"; 20_000].join(","));
    let files = [
        ("numbers", format!("a,b\n{}", rows("1,2\n", 300_000)), true),
        ("a column", format!("a\n{}", rows("1\n", 600_000)), true),
        ("words", format!("a,w\n{}", rows("1,x\n", 300_000)), false),
        ("quoted", format!("a,b\n{}", rows("\"1\",2\n", 200_000)), true),
        ("blank lines", format!("a,b\n1,2\n{}3,4\n", rows("\n", 1_000_000)), true),
        ("commas", format!("a,b,c\n1,2,3\n{}", rows(",,\n", 400_000)), true),
        ("comments", format!("a,b\n1,2\n{}", rows("#\n", 500_000)), true),
        ("wide", wide("a"), true),
        ("short lines", format!("{}{}", wide("a"), rows("1\n", 100_000)), false),
        ("short and quoted", format!("{}{}", wide("\"a\""), rows("1\n", 100_000)), false),
        ("one line", rows("1,", 500_000), false),
    ];
    for (name, text, readable) in files {
        let limit = PER_BYTE * text.len() + PER_COLUMN * columns(&text) + BESIDE;
        println!("{name}: {} bytes, {limit} permitted", text.len());
        let read = read_within(limit, &text);
        assert_eq!(read, readable, "{name}");
    }
}
