//! N-gram counts, which a language model must beat.

use std::collections::HashMap;

/// Counts of single tokens and of pairs.
#[derive(Debug)]
pub struct Counts {
    total: f64,
    single: Vec<f64>,
    pairs: HashMap<(u32, u32), f64>,
}

impl Counts {
    /// Counts the tokens of a text over a vocabulary of `vocabulary` tokens.
    pub fn of(tokens: &[u32], vocabulary: usize) -> Self {
        // One more of each, so that nothing is impossible (Laplace).
        let mut single = vec![1.0; vocabulary];
        let mut pairs = HashMap::new();
        tokens.iter().for_each(|token| single[*token as usize] += 1.0);
        tokens.windows(2).for_each(|w| *pairs.entry((w[0], w[1])).or_default() += 1.0);
        Self { total: single.iter().sum(), single, pairs }
    }

    fn unigram_p(&self, token: u32) -> f64 {
        self.single[token as usize] / self.total
    }

    /// Mean loss in nats of tokens guessed from their frequency alone.
    pub fn unigram(&self, tokens: &[u32]) -> f64 {
        mean(tokens.iter().map(|token| -self.unigram_p(*token).ln()))
    }

    /// Mean loss in nats of tokens guessed from the one before, mixed with their
    /// frequency in the share that is best for these very tokens.
    pub fn bigram(&self, tokens: &[u32]) -> f64 {
        let loss = |share: f64| {
            mean(tokens.windows(2).map(|w| {
                let pair = self.pairs.get(&(w[0], w[1])).copied().unwrap_or(0.0);
                let after = pair / self.single[w[0] as usize];
                -(share * after + (1.0 - share) * self.unigram_p(w[1])).ln()
            }))
        };
        (1..20).map(|i| loss(f64::from(i) / 20.0)).fold(f64::INFINITY, f64::min)
    }
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let n = values.len() as f64;
    values.sum::<f64>() / n
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_pairs_is_better_guessed_from_pairs() {
        let text: Vec<u32> = (0..400).map(|i| i % 4).collect();
        let counts = Counts::of(&text, 4);
        assert!((counts.unigram(&text) - 4f64.ln()).abs() < 1e-9);
        assert!(counts.bigram(&text) < 0.1);
    }
}
