use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::ensure;
use serde_json::Value;

use crate::workspace::{packages, root};

/// Address under which a page of the book finds what is not in it.
const HOSTED: &str = "https://github.com/aster-ad/aster/blob/main/";

/// Words that a newcomer searches for, each of which some page has.
const WORDS: [&str; 12] = [
    "surprisal",
    "warm start",
    "cancel",
    "type erasure",
    "imputation",
    "debounce",
    "hysteresis",
    "hyperparameter",
    "batch size",
    "hidden size",
    "outlier",
    "root-cause",
];

/// Checks all pages: links and anchors within the repository, commands, and the words that a
/// newcomer searches for.
///
/// Of a cargo command the example, bench, test, binary or package has to exist, and a program has
/// to know every option that it is given; of `bash` and `python3`, the script. Programs are asked
/// for their options by `--help`, so they have to be built.
pub(crate) fn check(binaries: &Path) -> anyhow::Result<()> {
    let pages = pages(&root())?;
    let mut commands = Commands::new(binaries)?;
    let (mut faults, mut all) = (vec![], String::new());
    for page in &pages {
        let text = std::fs::read_to_string(page)?;
        all += &text.to_lowercase();
        let name = page.strip_prefix(root())?.display().to_string();
        faults.extend(links(page, &text)?.into_iter().map(|fault| format!("{name}: {fault}")));
        // A page of another workspace has that one's commands, which its own tests call.
        let ours = !page.starts_with(root().join("integrations"));
        for command in code(&text).iter().filter(|_| ours) {
            let found = commands.faults(command)?;
            faults.extend(found.into_iter().map(|fault| format!("{name}: `{command}`: {fault}")));
        }
    }
    let missing = WORDS.iter().filter(|word| !all.contains(**word));
    faults.extend(missing.map(|word| format!("no page has the words {word:?}")));
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    println!("{} pages, {} commands", pages.len(), commands.checked);
    Ok(())
}

fn pages(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let (mut pages, mut folders) = (vec![], vec![folder.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let (path, name) = (entry.path(), entry.file_name());
            let kind = entry.file_type()?;
            if kind.is_dir() && name != "target" && name != ".git" {
                folders.push(path);
            } else if kind.is_file() && path.extension().is_some_and(|it| it == "md") {
                pages.push(path);
            }
        }
    }
    pages.sort();
    Ok(pages)
}

/// A page's text outside and inside of fenced blocks, the latter with their language.
fn fenced(text: &str) -> (String, Vec<(String, String)>) {
    let (mut outside, mut blocks) = (String::new(), vec![]);
    for (number, part) in text.split("```").enumerate() {
        match number % 2 {
            0 => outside += part,
            _ => {
                let (language, code) = part.split_once('\n').unwrap_or(("", part));
                blocks.push((language.trim().to_string(), code.to_string()));
            }
        }
    }
    (outside, blocks)
}

/// Anchors of a page's headings, as GitHub and mdBook make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let (outside, _) = fenced(text);
    let titles = outside.lines().filter_map(|line| {
        line.strip_prefix('#').map(|rest| rest.trim_start_matches('#').trim().to_string())
    });
    let anchor = |title: String| {
        let kept = |c: &char| c.is_alphanumeric() || matches!(c, '-' | '_' | ' ');
        let text: String = title.to_lowercase().chars().filter(kept).collect();
        text.trim().replace(' ', "-")
    };
    titles.map(anchor).collect()
}

fn links(page: &Path, text: &str) -> anyhow::Result<Vec<String>> {
    let (outside, _) = fenced(text);
    let book = root().join("docs");
    let mut faults = vec![];
    for part in outside.split("](").skip(1) {
        let Some((target, _)) = part.split_once(')') else { continue };
        if let Some(file) = target.strip_prefix(HOSTED) {
            let file = file.split('#').next().unwrap_or(file);
            if !root().join(file).exists() {
                faults.push(format!("{target}: there is no such file"));
            }
        }
        if target.contains(':') || target.contains(char::is_whitespace) {
            continue;
        }
        let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
        let folder = page.parent().unwrap_or(page);
        let other = if file.is_empty() { page.to_path_buf() } else { folder.join(file) };
        let Ok(other) = other.canonicalize() else {
            faults.push(format!("{target}: there is no such file"));
            continue;
        };
        if page.starts_with(&book) && !other.starts_with(&book) {
            faults.push(format!("{target}: lies outside of the book, where links do not lead"));
        } else if !anchor.is_empty() && !anchors(&std::fs::read_to_string(&other)?).contains(anchor)
        {
            faults.push(format!("{target}: there is no such heading"));
        }
    }
    Ok(faults)
}

/// Commands in blocks of shell, where a backslash continues a line, and in code within text.
fn code(text: &str) -> Vec<String> {
    let (outside, blocks) = fenced(text);
    let shell = blocks.iter().filter(|(language, _)| language == "sh" || language == "bash");
    let lines = shell.flat_map(|(_, code)| {
        let joined = code.replace("\\\n", " ");
        joined.lines().map(String::from).collect::<Vec<_>>()
    });
    let spans = outside.split('`').skip(1).step_by(2);
    let spans = spans.map(|span| span.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.chain(spans).collect()
}

struct Commands {
    binaries: PathBuf,
    packages: BTreeSet<String>,
    targets: BTreeSet<(String, String)>,
    /// Options of the programs that have been asked.
    options: BTreeMap<String, Option<BTreeSet<String>>>,
    checked: usize,
}

impl Commands {
    fn new(binaries: &Path) -> anyhow::Result<Self> {
        let (mut names, mut targets) = (BTreeSet::new(), BTreeSet::new());
        for package in packages()? {
            names.extend(package["name"].as_str().map(String::from));
            for target in package["targets"].as_array().into_iter().flatten() {
                let kinds = target["kind"].as_array().into_iter().flatten();
                for kind in kinds.filter_map(Value::as_str) {
                    let name = target["name"].as_str().unwrap_or_default();
                    targets.insert((kind.to_string(), name.to_string()));
                }
            }
        }
        let binaries = binaries.to_path_buf();
        Ok(Self { binaries, packages: names, targets, options: BTreeMap::new(), checked: 0 })
    }

    fn faults(&mut self, command: &str) -> anyhow::Result<Vec<String>> {
        let words = command.split_whitespace().skip_while(|word| word.contains('='));
        let words: Vec<&str> = words.collect();
        let mut faults = vec![];
        match words.as_slice() {
            ["bash" | "python3", script, ..] => {
                self.checked += 1;
                if script.contains('/') && !root().join(script).exists() {
                    faults.push(format!("there is no {script}"));
                }
            }
            ["cargo", "run" | "test" | "bench", rest @ ..] => {
                self.checked += 1;
                let end = rest.iter().position(|word| *word == "--").unwrap_or(rest.len());
                let (ours, theirs) = rest.split_at(end);
                self.check_targets(ours, &mut faults);
                let program = ours.windows(2).find(|pair| matches!(pair[0], "--example" | "--bin"));
                if let Some([_, program]) = program {
                    self.check_options(program, theirs, &mut faults)?;
                }
            }
            _ => {}
        }
        Ok(faults)
    }

    fn check_targets(&self, words: &[&str], faults: &mut Vec<String>) {
        for pair in words.windows(2) {
            let name = pair[1].to_string();
            match pair[0] {
                "--example" | "--bench" | "--test" | "--bin" => {
                    let kind = pair[0].trim_start_matches('-').to_string();
                    if !self.targets.contains(&(kind.clone(), name.clone())) {
                        faults.push(format!("there is no {kind} {name}"));
                    }
                }
                "-p" | "--package" if !self.packages.contains(&name) => {
                    faults.push(format!("there is no package {name}"));
                }
                _ => {}
            }
        }
    }

    fn check_options(
        &mut self,
        program: &str,
        words: &[&str],
        faults: &mut Vec<String>,
    ) -> anyhow::Result<()> {
        let given = words.iter().map(|word| word.trim_start_matches('['));
        let given: Vec<&str> = given.filter_map(|word| word.strip_prefix("--")).collect();
        if given.iter().all(|option| option.is_empty()) {
            return Ok(());
        }
        // After `--` a program may be given a command, which has options of its own.
        let is_command = |word: &&&str| word.chars().all(|c| c.is_ascii_lowercase());
        let command = words.get(1).filter(is_command).copied();
        let asked = [program].into_iter().chain(command).collect::<Vec<_>>().join(" ");
        if !self.options.contains_key(&asked) {
            let known = known_options(&self.binaries, program, command)?;
            self.options.insert(asked.clone(), known);
        }
        if let Some(known) = &self.options[&asked] {
            for option in given {
                let name = option.trim_matches(|c: char| !c.is_alphanumeric());
                if !name.is_empty() && !known.contains(name) {
                    faults.push(format!("{program} does not know --{name}"));
                }
            }
        }
        Ok(())
    }
}

/// The options that a program says it has, or one of its commands; none where it was not built.
fn known_options(
    binaries: &Path,
    program: &str,
    command: Option<&str>,
) -> anyhow::Result<Option<BTreeSet<String>>> {
    let places = [binaries.join("examples").join(program), binaries.join(program)];
    let Some(path) = places.iter().find(|path| path.is_file()) else { return Ok(None) };
    let help = Command::new(path).args(command).arg("--help").output()?;
    let text = String::from_utf8_lossy(&help.stdout).into_owned();
    let names = text.split("--").skip(1).map(|rest| {
        rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect::<String>()
    });
    Ok(Some(names.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_in_blocks_and_in_text() {
        let text = "Run `cargo test\n--workspace` or\n```sh\ncargo run \\\n  --example x\n```\n";
        assert_eq!(code(text), ["cargo run    --example x", "cargo test --workspace"]);
    }

    #[test]
    fn anchors_are_those_of_headings_outside_of_code() {
        let text = "# A `b` & c\n```\n# not one\n```\n## Over 2 lines\n";
        assert_eq!(anchors(text), ["a-b--c".to_string(), "over-2-lines".to_string()].into());
    }
}
