//! The config reference, `docs/config.md`, is what the configs' JSON schema says.
//!
//! `ASTER_WRITE=1 cargo test --workspace --test config_reference` writes it anew.

#![cfg(all(feature = "files", feature = "report", feature = "schema", feature = "train"))]
#![allow(clippy::panic, clippy::unwrap_used)] // in helpers; tests themselves are exempt

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use aster::AsterConfig;
use aster::data::{LoadOptions, SyntheticConfig};
use aster::detect::{Attribution, ScoreFileConfig, StreamConfig};
use aster::report::ReportConfig;
use aster::schemars::SchemaGenerator;
use serde_json::{Map, Value};

/// Types in the order in which a reader meets them.
const SECTIONS: [(&str, &[&str]); 6] = [
    (
        "The detector",
        &[
            "AsterConfig",
            "ChannelPolicies",
            "ChannelPolicy",
            "CalendarFeature",
            "ScalerConfig",
            "ScalerKind",
        ],
    ),
    (
        "The network",
        &[
            "ModelConfig",
            "Space",
            "VaeConfig",
            "Prior",
            "DecoderConfig",
            "CodeSampler",
            "GeneratorConfig",
            "GeneratorForm",
            "Gates",
            "HeadConfig",
            "HeadKind",
        ],
    ),
    (
        "Context and language model",
        &[
            "ContextConfig",
            "LlmSource",
            "Tuning",
            "LoraConfig",
            "Target",
            "Precision",
            "InputConfig",
            "Prompt",
            "LlmConfig",
            "Family",
            "Activation",
            "RopeScaling",
        ],
    ),
    ("Training", &["TrainConfig", "ObjectiveConfig", "BetaSchedule"]),
    (
        "Score, threshold, alarms",
        &[
            "ScoreConfig",
            "ComponentConfig",
            "Source",
            "Smoothing",
            "FusionConfig",
            "LearnedWeights",
            "ThresholdRule",
            "DriftConfig",
            "Per",
            "AlarmConfig",
        ],
    ),
    (
        "Files, streams, reports",
        &[
            "LoadOptions",
            "Columns",
            "Categorical",
            "CsvFormat",
            "RowOrder",
            "DuplicateTimes",
            "MissingPolicy",
            "SyntheticConfig",
            "AnomalyKind",
            "StreamConfig",
            "OnMissing",
            "OnLate",
            "OnDuplicate",
            "Regular",
            "ScoreFileConfig",
            "Attribution",
            "ReportConfig",
        ],
    ),
];

/// Types of what a saved detector holds, which nobody writes.
const UNLISTED: [&str; 3] = ["PromptTokens", "Piece", "Statistic"];

const HEAD: &str = "# Config

Every hyperparameter is a field of `AsterConfig`, which is written and read as JSON or TOML: a file
needs only the fields that differ from their defaults, an unknown name is an error at every depth,
and all values are checked before anything costs time. Enums are in snake case, as
`\"threshold\": {\"false_alarm_rate\": {\"rate\": 0.01}}`. What can be turned off is turned off by the
word `\"off\"`.

Feature `schema` generates a JSON schema (`schemars::schema_for!(AsterConfig)`), from which this page is made.
";

fn page() -> String {
    let mut generator = SchemaGenerator::default();
    generator.subschema_for::<AsterConfig>();
    generator.subschema_for::<LoadOptions>();
    generator.subschema_for::<SyntheticConfig>();
    generator.subschema_for::<StreamConfig>();
    generator.subschema_for::<ScoreFileConfig>();
    generator.subschema_for::<Attribution>();
    generator.subschema_for::<ReportConfig>();
    let types = generator.definitions();
    let listed: BTreeSet<&str> =
        SECTIONS.iter().flat_map(|(_, names)| *names).copied().chain(UNLISTED).collect();
    let missing: Vec<&String> =
        types.keys().filter(|name| !listed.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?} should have a section here");
    let mut page = HEAD.to_string();
    for (title, names) in SECTIONS {
        write!(page, "\n## {title}\n").unwrap();
        for name in names {
            let schema = types.get(*name).unwrap_or_else(|| panic!("no config has a {name}"));
            let (docs, table) = (description(schema), table(schema));
            write!(page, "\n### {name}\n\n{docs}\n\n{table}").unwrap();
        }
    }
    page
}

/// Fields of a struct, or values of an enum.
fn table(schema: &Value) -> String {
    let (head, rows) = match (&schema["properties"], alternatives(schema)) {
        (Value::Object(fields), _) => ("field", fields_of(fields, "")),
        (_, variants) => ("value", variants.iter().flat_map(variant).collect()),
    };
    let typed = rows.iter().any(|(_, kind, _)| !kind.is_empty());
    let mut table = match typed {
        true => format!("| {head} | type | |\n|---|---|---|\n"),
        false => format!("| {head} | |\n|---|---|\n"),
    };
    for (name, kind, text) in rows {
        let kind = match (typed, kind.is_empty()) {
            (false, _) => String::new(),
            (true, true) => " |".into(),
            (true, false) => format!(" `{kind}` |"),
        };
        table += &format!("| `{name}` |{kind} {text} |\n");
    }
    table
}

type Row = (String, String, String);

fn fields_of(fields: &Map<String, Value>, before: &str) -> Vec<Row> {
    let row = |(name, schema): (&String, &Value)| {
        (format!("{before}{name}"), kind(schema), description(schema))
    };
    fields.iter().map(row).collect()
}

fn alternatives(schema: &Value) -> Vec<Value> {
    let list = ["oneOf", "anyOf"].into_iter().find_map(|key| schema[key].as_array());
    list.cloned().unwrap_or_else(|| vec![schema.clone()])
}

/// An enum's value, with the fields that it has.
fn variant(schema: &Value) -> Vec<Row> {
    if let Some(name) = schema["const"].as_str() {
        return vec![(name.into(), String::new(), description(schema))];
    }
    if let Some(names) = schema["enum"].as_array() {
        let names = names.iter().filter_map(Value::as_str);
        return names.map(|name| (name.into(), String::new(), String::new())).collect();
    }
    let Some((name, inner)) = schema["properties"].as_object().and_then(|it| it.iter().next())
    else {
        return vec![];
    };
    let fields = inner["properties"].as_object();
    let own = if fields.is_some() { String::new() } else { kind(inner) };
    let first = (name.clone(), own, description(schema));
    let fields = fields.map(|fields| fields_of(fields, &format!("{name}.")));
    [first].into_iter().chain(fields.into_iter().flatten()).collect()
}

/// The type of a value in words.
fn kind(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        return reference.rsplit('/').next().unwrap_or(reference).into();
    }
    if schema["oneOf"].is_array() || schema["anyOf"].is_array() {
        let kinds: Vec<String> = alternatives(schema).iter().map(kind).collect();
        return kinds.join(" or ");
    }
    if let Some(all) = schema["allOf"].as_array() {
        return all.iter().map(kind).collect::<Vec<_>>().join(" and ");
    }
    if let Some(word) = schema["const"].as_str() {
        return format!("\"{word}\"");
    }
    let named = |name: &str| match name {
        "array" => format!("list of {}", kind(&schema["items"])),
        name => name.to_string(),
    };
    match &schema["type"] {
        Value::String(name) => named(name),
        Value::Array(names) => {
            let names: Vec<String> = names.iter().filter_map(Value::as_str).map(named).collect();
            names.join(" or ")
        }
        _ => String::new(),
    }
}

/// The docs of a type or field on one line of Markdown, without links into the API.
fn description(schema: &Value) -> String {
    let text = schema["description"].as_str().unwrap_or_default();
    let text = text.split("```").next().unwrap_or_default();
    let (mut plain, mut rest) = (String::new(), text);
    // A link is `[`name`]` or `[`name`](target)`.
    while let Some((before, after)) = rest.split_once("[`") {
        let Some((name, after)) = after.split_once("`]") else { break };
        plain += &format!("{before}`{name}`");
        let target = after.strip_prefix('(').and_then(|it| it.split_once(')'));
        rest = target.map_or(after, |(_, after)| after);
    }
    plain += rest;
    plain.replace('|', "\\|").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_page_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/config.md");
    let page = page();
    if std::env::var_os("ASTER_WRITE").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    assert!(std::fs::read_to_string(path).unwrap() == page, "ASTER_WRITE=1 writes it anew");
}

#[test]
fn every_field_has_docs() {
    let page = page();
    let empty: Vec<&str> = page.lines().filter(|line| line.ends_with("|  |")).collect();
    assert!(empty.is_empty(), "{empty:?}");
}

#[test]
fn links_become_code_and_lines_one() {
    let schema = serde_json::json!({
        "description": "Reads [`A::b`](crate::A::b)\nand [`C`] | none.\n\n```\ncode\n```"
    });
    assert_eq!(description(&schema), "Reads `A::b` and `C` \\| none.");
}
