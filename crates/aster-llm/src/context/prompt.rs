//! A text before the patches, as Time-LLM (Jin et al. 2024) has it.

use burn::tensor::{Device, Int, Tensor};
use serde::{Deserialize, Serialize};
#[cfg(feature = "tokenizers")]
use tokenizers::Tokenizer;

#[cfg(feature = "tokenizers")]
use crate::error::LlmError;

/// Text that a language model reads before the patches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Prompt {
    /// Text with placeholders: `{channels}` for the names of the channels, and for
    /// statistics of the window over all its scaled values `{min}`, `{max}`, `{mean}`,
    /// `{std}`, and `{trend}`, the last patch's mean less the first's.
    Template(String),
    /// Prompt in a model's tokens, as a saved detector has it.
    Tokens(PromptTokens),
}

impl Default for Prompt {
    fn default() -> Self {
        Self::Template(
            "Measurements of {channels}. Minimum {min}, maximum {max}, mean {mean}, trend {trend}. \
             Is this normal?"
                .into(),
        )
    }
}

/// Prompt in the tokens of a model.
///
/// Statistics are written digit by digit, as LLMTime (Gruver et al.
/// 2023) writes numbers, always `+0.00` to `+9.99`: so every prompt has the same length,
/// and no tokenizer is needed where windows are scored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PromptTokens {
    pieces: Vec<Piece>,
    digits: [u32; 10],
    plus: u32,
    minus: u32,
    point: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum Piece {
    Text(Vec<u32>),
    Number(Statistic),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum Statistic {
    Min,
    Max,
    Mean,
    Std,
    Trend,
}

/// Sign, digit, point, two digits.
const NUMBER: usize = 5;

impl Prompt {
    /// Writes the names of the channels into a template.
    pub fn with_channels(self, names: &[String]) -> Self {
        match self {
            Self::Template(text) => Self::Template(text.replace("{channels}", &names.join(", "))),
            tokens => tokens,
        }
    }
}

impl PromptTokens {
    /// Reads a template with a model's tokenizer.
    #[cfg(feature = "tokenizers")]
    pub(crate) fn read(template: &str, tokenizer: &Tokenizer) -> Result<Self, LlmError> {
        // Files of sentence models say how batches of texts are made equally long; a piece of a prompt is
        // neither filled up nor cut.
        let mut tokenizer = tokenizer.clone();
        let cut = tokenizer.with_padding(None).with_truncation(None);
        cut.map_err(|e| LlmError::Tokenizer { reason: e.to_string() })?;
        let encode = |text: &str| -> Result<Vec<u32>, LlmError> {
            let encoding = tokenizer.encode(text, false);
            let encoding = encoding.map_err(|e| LlmError::Tokenizer { reason: e.to_string() })?;
            Ok(encoding.get_ids().to_vec())
        };
        let single = |text: &str| -> Result<u32, LlmError> {
            match encode(text)?.as_slice() {
                [id] => Ok(*id),
                _ => Err(LlmError::Tokenizer { reason: format!("{text:?} is not one token") }),
            }
        };
        let mut digits = [0; 10];
        for (i, digit) in digits.iter_mut().enumerate() {
            *digit = single(&i.to_string())?;
        }
        let mut pieces = Vec::new();
        let mut rest = template;
        while let Some((text, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            pieces.push(Piece::Text(encode(text)?));
            match statistic(name) {
                Some(statistic) => pieces.push(Piece::Number(statistic)),
                // A model that is built without names.
                None if name == "channels" => pieces.push(Piece::Text(encode("channels")?)),
                None => return Err(unknown(name)),
            }
            rest = after;
        }
        pieces.push(Piece::Text(encode(rest)?));
        let (plus, minus, point) = (single("+")?, single("-")?, single(".")?);
        Ok(Self { pieces, digits, plus, minus, point })
    }

    /// Tokens of every prompt.
    pub(crate) fn length(&self) -> usize {
        let length = |piece: &Piece| match piece {
            Piece::Text(ids) => ids.len(),
            Piece::Number(_) => NUMBER,
        };
        self.pieces.iter().map(length).sum()
    }

    pub(crate) fn largest_id(&self) -> u32 {
        let text = self.pieces.iter().flat_map(|piece| match piece {
            Piece::Text(ids) => ids.as_slice(),
            Piece::Number(_) => &[],
        });
        let others = self.digits.iter().chain([&self.plus, &self.minus, &self.point]);
        text.chain(others).copied().max().unwrap_or(0)
    }

    /// # Shapes
    /// Patches `[B, L, P*C]` to token ids `[B, length]`.
    pub(crate) fn ids(&self, patches: &Tensor<3>) -> Tensor<2, Int> {
        let ([b, l, f], device) = (patches.dims(), patches.device());
        let patches = patches.clone().detach();
        let all: Tensor<2> = patches.clone().reshape([b, l * f]);
        let pieces = self.pieces.iter().filter_map(|piece| match piece {
            Piece::Text(ids) if ids.is_empty() => None,
            Piece::Text(ids) => Some(row(ids, &device).expand([b, ids.len()])),
            Piece::Number(statistic) => Some(self.number(match statistic {
                Statistic::Min => all.clone().min_dim(1),
                Statistic::Max => all.clone().max_dim(1),
                Statistic::Mean => all.clone().mean_dim(1),
                Statistic::Std => all.clone().var_bias(1).sqrt(),
                Statistic::Trend => {
                    let mean = |token| patches.clone().narrow(1, token, 1).mean_dim(2);
                    (mean(l - 1) - mean(0)).reshape([b, 1])
                }
            })),
        });
        Tensor::cat(pieces.collect(), 1)
    }

    /// `[B, 1]` to `[B, NUMBER]`.
    fn number(&self, x: Tensor<2>) -> Tensor<2, Int> {
        let ([b, _], device) = (x.dims(), x.device());
        let constant = |id: u32| row(&[id], &device).expand([b, 1]);
        let sign =
            constant(self.plus).mask_where(x.clone().lower_scalar(0.0), constant(self.minus));
        let hundredths = x.abs().clamp(0.0, 9.99).mul_scalar(100.0).round().int();
        let table = row(&self.digits, &device).reshape([10]);
        let digit = |power: i64| {
            let digit = hundredths.clone().div_scalar(power).remainder_scalar(10);
            table.clone().select(0, digit.reshape([b])).reshape([b, 1])
        };
        Tensor::cat(vec![sign, digit(100), constant(self.point), digit(10), digit(1)], 1)
    }
}

fn row(ids: &[u32], device: &Device) -> Tensor<2, Int> {
    let ids: Vec<i64> = ids.iter().map(|id| i64::from(*id)).collect();
    Tensor::<1, Int>::from_ints(ids.as_slice(), device).unsqueeze()
}

#[cfg(feature = "tokenizers")]
fn statistic(name: &str) -> Option<Statistic> {
    match name {
        "min" => Some(Statistic::Min),
        "max" => Some(Statistic::Max),
        "mean" => Some(Statistic::Mean),
        "std" => Some(Statistic::Std),
        "trend" => Some(Statistic::Trend),
        _ => None,
    }
}

#[cfg(feature = "tokenizers")]
fn unknown(name: &str) -> LlmError {
    let expected = "one of {channels}, {min}, {max}, {mean}, {std}, {trend}";
    aster_base::SettingError::new("prompt", expected, format!("{{{name}}}")).into()
}

#[cfg(test)]
#[cfg(feature = "tokenizers")]
mod tests {
    use tokenizers::models::bpe::{BPE, Vocab};
    use tokenizers::pre_tokenizers::byte_level::ByteLevel;

    use super::*;

    /// One token per byte.
    fn tokenizer() -> Tokenizer {
        let mut alphabet: Vec<char> = ByteLevel::alphabet().into_iter().collect();
        alphabet.sort();
        let ids = alphabet.iter().zip(0..).map(|(c, id)| (c.to_string(), id));
        let bpe = BPE::builder().vocab_and_merges(ids.collect::<Vocab>(), vec![]);
        let mut tokenizer = Tokenizer::new(bpe.build().unwrap());
        tokenizer.with_pre_tokenizer(Some(ByteLevel::new(false, true, true)));
        tokenizer.with_decoder(Some(ByteLevel::default()));
        tokenizer
    }

    fn text(template: &str, values: &[f32]) -> Vec<String> {
        let (tokenizer, device) = (tokenizer(), Device::flex());
        let prompt = Prompt::Template(template.into()).with_channels(&["a".into(), "b c".into()]);
        let Prompt::Template(template) = prompt else { panic!("a template stays one") };
        let tokens = PromptTokens::read(&template, &tokenizer).unwrap();
        let patches = Tensor::<1>::from_floats(values, &device).reshape([2, 2, 2]);
        let ids = tokens.ids(&patches);
        assert_eq!(ids.dims(), [2, tokens.length()]);
        let ids: Vec<u32> = ids.into_data().iter::<i64>().map(|id| id as u32).collect();
        ids.chunks(tokens.length()).map(|ids| tokenizer.decode(ids, false).unwrap()).collect()
    }

    #[test]
    fn statistics_of_each_window_are_written_out() {
        let values = [-1.25, 0.5, 2.0, 0.75, 0.0, 0.0, 0.0, -30.0];
        assert_eq!(
            text("{channels}: {min} to {max}, {mean}, {std} {trend}", &values),
            [
                "a, b c: -1.25 to +2.00, +0.50, +1.16 +1.75",
                // Beyond what is written, the end of the scale.
                "a, b c: -9.99 to +0.00, -7.50, +9.99 -9.99",
            ]
        );
    }

    #[test]
    fn a_text_without_statistics_is_the_same_for_all() {
        let read = text("Is it normal?", &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
        assert_eq!(read, ["Is it normal?"; 2]);
    }

    #[test]
    fn a_tokenizer_that_pads_and_truncates_reads_the_same() {
        use tokenizers::{PaddingParams, PaddingStrategy, TruncationParams};

        let template = "Values from {min} to {max}";
        let plain = PromptTokens::read(template, &tokenizer()).unwrap();
        let mut padded = tokenizer();
        let strategy = PaddingStrategy::Fixed(16);
        padded.with_padding(Some(PaddingParams { strategy, ..Default::default() }));
        padded
            .with_truncation(Some(TruncationParams { max_length: 4, ..Default::default() }))
            .unwrap();
        assert_eq!(PromptTokens::read(template, &padded).unwrap(), plain);
    }

    #[test]
    fn an_unknown_placeholder_is_named() {
        let error = PromptTokens::read("{median}", &tokenizer()).unwrap_err();
        assert!(error.to_string().contains("{median}"), "{error}");
    }
}
