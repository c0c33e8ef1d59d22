//! Hidden states and losses against `transformers`, through `golden/generate.py`.

#![allow(clippy::unwrap_used)] // in helpers; tests themselves are exempt

use std::path::{Path, PathBuf};

use aster_llm::LanguageModel;
use burn::tensor::{Device, Int, Tensor};
use serde_json::Value;

fn golden() -> Value {
    serde_json::from_str(include_str!("golden/golden.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn ids(rows: &[Vec<f64>], device: &Device) -> Tensor<2, Int> {
    let flat: Vec<i64> = rows.iter().flatten().map(|id| *id as i64).collect();
    Tensor::<1, Int>::from_ints(flat.as_slice(), device).reshape([rows.len(), rows[0].len()])
}

fn farthest(hidden: Tensor<3>, expected: &[f64]) -> f64 {
    let got = hidden.into_data().try_to_vec::<f32>().unwrap();
    assert_eq!(got.len(), expected.len());
    got.iter().zip(expected).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max)
}

#[test]
fn small_random_models_agree_with_transformers() {
    let (device, golden) = (Device::flex(), golden());
    let mut models = 0;
    for (name, golden) in golden.as_object().unwrap().iter().filter(|(name, _)| *name != "stories")
    {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
        let model = LanguageModel::from_folder(folder, &device).unwrap();
        let rows: Vec<_> = golden["ids"].as_array().unwrap().iter().map(numbers).collect();
        let ids = ids(&rows, &device);
        let gap = farthest(model.hidden(ids.clone()), &numbers(&golden["hidden"]));
        assert!(gap < 1e-4, "{name}: {gap}");
        if let Some(logits) = golden.get("logits") {
            let gap = farthest(model.logits(ids), &numbers(logits));
            assert!(gap < 1e-4, "logits of {name}: {gap}");
        }
        models += 1;
    }
    assert_eq!(models, 9);
}

/// Mean next-token loss in nats.
fn loss(model: &LanguageModel, tokens: &[f64], device: &Device) -> f64 {
    model.next_token_loss(ids(&[tokens.to_vec()], device)).into_scalar::<f64>()
}

#[test]
fn the_pretrained_model_reads_stories() {
    let folder: PathBuf =
        [env!("CARGO_MANIFEST_DIR"), "../../../shared/llm/stories260K"].iter().collect();
    if !folder.exists() {
        println!("skipped: {} is not there", folder.display());
        return;
    }
    let (device, golden) = (Device::flex(), &golden()["stories"]);
    let model = LanguageModel::from_folder(folder, &device).unwrap();
    let story = numbers(&golden["ids"]["story"]);
    let hidden = model.hidden(ids(&[story[..16].to_vec()], &device));
    let gap = farthest(hidden, &numbers(&golden["hidden"]));
    assert!(gap < 1e-4, "hidden states: {gap}");
    let losses = ["story", "business", "shuffled"].map(|text| {
        let got = loss(&model, &numbers(&golden["ids"][text]), &device);
        let expected = golden["losses"][text].as_f64().unwrap();
        assert!((got - expected).abs() < 1e-3, "{text}: {got} against {expected}");
        got
    });
    assert!(losses[0] < losses[1] && losses[1] < losses[2], "{losses:?}");
}
