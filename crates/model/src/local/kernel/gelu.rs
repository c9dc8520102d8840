//! The curve that bends the numbers inside a BERT layer: `x · Φ(x)`, where Φ is the normal distribution.
//!
//! "Gaussian Error Linear Units" (Hendrycks and Gimpel, 2016), in its exact form.

use super::attention::fast_exp;

/// Replaces each number by its place on the curve.
#[inline(always)]
pub(super) fn gelu(numbers: &mut [f32]) {
    // In pieces as wide as the widest vector, so that compilers see that they can use it.
    let (chunks, rest) = numbers.as_chunks_mut::<16>();
    for chunk in chunks {
        for number in chunk {
            *number *= normal_share(*number);
        }
    }
    for number in rest {
        *number *= normal_share(*number);
    }
}

/// The share of the normal distribution below `x`, to about two parts in ten million: ½ (1 + erf(x / √2)), where
/// erf is formula 7.1.26 of "Handbook of Mathematical Functions" (Abramowitz and Stegun, 1964).
#[inline(always)]
fn normal_share(x: f32) -> f32 {
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let series = t
        * (0.254_829_6
            + t * (-0.284_496_74 + t * (1.421_413_7 + t * (-1.453_152 + t * 1.061_405_4))));
    let beyond = 0.5 * series * fast_exp(-z * z);
    if x < 0.0 { beyond } else { 1.0 - beyond }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_is_where_it_should_be() {
        // Values of x · Φ(x) to seven digits.
        for (x, expected) in [
            (-30.0, 0.0),
            (-3.0, -0.004_049_694),
            (-1.0, -0.158_655_3),
            (-0.1, -0.046_017_22),
            (0.0, 0.0),
            (0.1, 0.053_982_78),
            (0.5, 0.345_731_2),
            (1.0, 0.841_344_7),
            (2.5, 2.484_476),
            (30.0, 30.0),
        ] {
            let mut numbers = [x];
            gelu(&mut numbers);
            assert!((numbers[0] - expected).abs() < 1e-6, "{x}: {numbers:?}");
        }
    }
}
