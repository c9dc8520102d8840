//! Chooses the next token.

/// Tokens of the reply that must not be repeated lightly.
const PENALTY_WINDOW: usize = 64;

/// At a temperature above 0, the likeliest so many tokens are chosen from,
const TOP_COUNT: usize = 40;

/// or fewer, as long as they are this likely together.
const TOP_SHARE: f32 = 0.95;

/// How tokens are chosen.
pub(super) struct Sampler {
    temperature: f32,
    penalty: f32,
    random: u64,
}

impl Sampler {
    /// `temperature` 0 takes the likeliest; `penalty` above 1 makes what was just said less likely (Keskar et
    /// al., 2019); `seed` decides everything else.
    pub(super) fn new(temperature: f32, penalty: f32, seed: u64) -> Self {
        Self {
            temperature,
            penalty,
            random: seed,
        }
    }

    /// The next token after `said`, the reply so far, given a score for each.
    pub(super) fn choose(&mut self, scores: &mut [f32], said: &[u32]) -> u32 {
        let mut recent = said[said.len().saturating_sub(PENALTY_WINDOW)..].to_vec();
        recent.sort_unstable();
        recent.dedup();
        for token in recent {
            let score = &mut scores[token as usize];
            *score = if *score > 0.0 {
                *score / self.penalty
            } else {
                *score * self.penalty
            };
        }
        if self.temperature <= 0.0 {
            return likeliest(scores);
        }
        self.draw(scores)
    }

    fn draw(&mut self, scores: &[f32]) -> u32 {
        let mut order: Vec<u32> = (0..scores.len() as u32).collect();
        let by_score = |a: &u32, b: &u32| scores[*b as usize].total_cmp(&scores[*a as usize]);
        if order.len() > TOP_COUNT {
            order.select_nth_unstable_by(TOP_COUNT, by_score);
            order.truncate(TOP_COUNT);
        }
        order.sort_unstable_by(by_score);
        let best = scores[order[0] as usize];
        let weight = |&token: &u32| ((scores[token as usize] - best) / self.temperature).exp();
        let weights: Vec<f32> = order.iter().map(weight).collect();
        let total: f32 = weights.iter().sum();
        let mut left = self.unit() * total * TOP_SHARE;
        for (token, weight) in order.iter().zip(&weights) {
            left -= weight;
            if left <= 0.0 {
                return *token;
            }
        }
        order[0]
    }

    /// A number from 0 up to 1 (Marsaglia's xorshift64*).
    fn unit(&mut self) -> f32 {
        self.random |= u64::from(self.random == 0);
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        let bits = self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 40;
        bits as f32 / (1_u64 << 24) as f32
    }
}

fn likeliest(scores: &[f32]) -> u32 {
    let mut best = 0;
    for (token, score) in scores.iter().enumerate() {
        if *score > scores[best] {
            best = token;
        }
    }
    best as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likeliest_is_taken_unless_it_was_just_said() {
        let scores = [1.0, 3.0, 2.9];
        let mut sampler = Sampler::new(0.0, 1.1, 1);
        assert_eq!(sampler.choose(&mut scores.clone(), &[]), 1);
        assert_eq!(sampler.choose(&mut scores.clone(), &[1]), 2);
    }

    #[test]
    fn the_same_seed_draws_the_same() {
        let scores: Vec<f32> = (0..100).map(|i| (i % 7) as f32).collect();
        let draw = |seed| -> Vec<u32> {
            let mut sampler = Sampler::new(1.0, 1.0, seed);
            (0..50)
                .map(|_| sampler.choose(&mut scores.clone(), &[]))
                .collect()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        assert!(draw(7).iter().all(|&token| scores[token as usize] > 2.0));
    }
}
