//! The model that comes along has learned something, and a prompt changes what it says.
#![cfg(feature = "bundled")]
#![allow(clippy::unwrap_used)] // in helpers; tests themselves are exempt

use aster_base::Configure;
use aster_llm::{
    Activation, ContextConfig, InputConfig, LanguageModel, LlmConfig, LlmSource, Pretrained, Prompt,
};
use burn::module::Module;
use burn::tensor::{Device, Distribution, Int, Tensor};

/// Written for this test: in no documentation.
const TEXT: &str = "The function returns an error if the file does not exist, or if the process \
    lacks permission to open it. Otherwise the value is wrapped in a `Result` and returned to \
    the caller, who must handle both cases.";

/// Mean next-token loss in nats.
fn loss(model: &LanguageModel, ids: &[u32]) -> f64 {
    let (n, device) = (ids.len(), Device::flex());
    let ids: Vec<i64> = ids.iter().map(|id| i64::from(*id)).collect();
    let ids = Tensor::<1, Int>::from_ints(ids.as_slice(), &device).reshape([1, n]);
    model.next_token_loss(ids).into_scalar::<f64>()
}

#[test]
fn the_bundled_model_reads_english() {
    let pretrained = Pretrained::bundled().unwrap();
    let model = LanguageModel::load(&pretrained, &Device::flex()).unwrap();
    let ids = pretrained.tokenizer().unwrap().encode(TEXT, false).unwrap().get_ids().to_vec();
    let backwards: Vec<u32> = ids.iter().rev().copied().collect();
    // Its card has 3.914 for the bigram and 7.625 for uniform guesses.
    let (read, noise) = (loss(&model, &ids), loss(&model, &backwards));
    assert!(read < 3.5 && noise > 6.0, "{read} and {noise}");
}

#[test]
fn a_saved_model_reads_back_the_same() {
    let (device, folder) = (Device::flex(), tempfile::tempdir().unwrap());
    let bundled = LanguageModel::load(&Pretrained::bundled().unwrap(), &device).unwrap();
    bundled.save(folder.path()).unwrap();
    let again = LanguageModel::from_folder(folder.path(), &device).unwrap();
    assert_eq!(again.config(), bundled.config());
    assert_eq!(loss(&again, &[1, 2, 3, 4]), loss(&bundled, &[1, 2, 3, 4]));
    let other = LlmConfig { activation: Activation::Relu, tied: false, ..LlmConfig::default() };
    LanguageModel::random(&other, &device).unwrap().save(folder.path()).unwrap();
    assert_eq!(LanguageModel::from_folder(folder.path(), &device).unwrap().config(), &other);
}

#[test]
fn prompts_and_prototypes_survive_without_the_source() {
    let device = Device::flex();
    let config = ContextConfig::with(|it| {
        (it.llm, it.layers, it.prompt) = (LlmSource::Bundled, Some(2), Some(Prompt::default()));
        it.input = InputConfig::Reprogrammed { prototypes: 8, heads: 4 };
    });
    let named = config.clone().with_channels(&["pressure".into()]);
    let encoder = named.init(6, 4, &device).unwrap().fork(&device);
    let window = Tensor::<3>::random([2, 4, 6], Distribution::Normal(0.0, 1.0), &device);
    let context = encoder.forward(window.clone());
    assert_eq!(context.dims(), [2, 4, 64]);

    let resolved = named.resolved().unwrap();
    assert!(matches!(resolved.llm, LlmSource::Random(_)));
    assert!(matches!(resolved.prompt, Some(Prompt::Tokens(_))));
    let text = serde_json::to_string(&resolved).unwrap();
    let resolved: ContextConfig = serde_json::from_str(&text).unwrap();
    let rebuilt = resolved.init(6, 4, &device).unwrap().load_record(encoder.into_record());
    assert_eq!(rebuilt.forward(window).into_data(), context.into_data());
}
