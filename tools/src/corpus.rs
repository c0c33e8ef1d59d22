//! The text of the Rust documentation that a toolchain brings along.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use scraper::{ElementRef, Html, Selector};

/// Parts of the documentation that are prose and code, all under MIT or Apache-2.0.
const PARTS: [&str; 15] = [
    "alloc",
    "book",
    "cargo",
    "clippy",
    "edition-guide",
    "embedded-book",
    "error_codes",
    "nomicon",
    "reference",
    "rust-by-example",
    "rustc",
    "rustdoc",
    "std",
    "style-guide",
    "unstable-book",
];

/// One file in so many validates.
const HELD_OUT: usize = 20;

/// Paragraphs, each said once, split by file.
#[derive(Debug, Default)]
pub struct Corpus {
    /// Text to learn from.
    pub train: String,
    /// Text of other files.
    pub validation: String,
}

impl Corpus {
    /// Reads `share/doc/rust/html` of a toolchain.
    ///
    /// # Errors
    /// A part that is not there, a file that cannot be read.
    pub fn read(html: &Path) -> io::Result<Self> {
        let mut files = Vec::new();
        for part in PARTS {
            collect(&html.join(part), &mut files)?;
        }
        files.sort();
        let (mut corpus, mut seen) = (Self::default(), HashSet::new());
        for (i, file) in files.iter().enumerate() {
            let held_out = i % HELD_OUT == HELD_OUT / 2;
            let text = if held_out { &mut corpus.validation } else { &mut corpus.train };
            for paragraph in paragraphs(&fs::read_to_string(file)?) {
                if seen.insert(paragraph.clone()) {
                    text.push_str(&paragraph);
                    text.push_str("\n\n");
                }
            }
        }
        Ok(corpus)
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            collect(&path, files)?;
        } else if name.ends_with(".html") && !["print.html", "all.html"].contains(&&*name) {
            files.push(path);
        }
    }
    Ok(())
}

fn paragraphs(html: &str) -> Vec<String> {
    let html = Html::parse_document(html);
    let Ok(blocks) = Selector::parse("main :is(h1, h2, h3, p, pre, li)") else { return vec![] };
    let Ok(inner) = Selector::parse("p, pre, li") else { return vec![] };
    let outermost = html.select(&blocks).filter(|block| block.select(&inner).next().is_none());
    outermost.map(text).filter(|text| text.len() > 20).collect()
}

fn text(block: ElementRef<'_>) -> String {
    let text: String = block.text().collect();
    match block.value().name() {
        "pre" => text.trim_end().into(),
        _ => text.split_whitespace().collect::<Vec<_>>().join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_and_code_without_navigation() {
        let html = "<nav><p>Here is a long navigation.</p></nav><main><h1>A title of some length</h1>\
            <p>A paragraph   of\n<em>some</em> words.</p><ul><li><p>An item with a paragraph.</p>\
            </li></ul><pre><code>fn main() {\n    loop {}\n}\n</code></pre><p>short</p></main>";
        assert_eq!(
            paragraphs(html),
            [
                "A title of some length",
                "A paragraph of some words.",
                "An item with a paragraph.",
                "fn main() {\n    loop {}\n}",
            ]
        );
    }
}
