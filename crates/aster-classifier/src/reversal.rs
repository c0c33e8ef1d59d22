use burn::tensor::Tensor;

/// The identity forward, bit for bit; backward, the gradient times `-strength`
/// (Ganin & Lempitsky, ICML 2015).
///
/// # Shapes
/// Any, unchanged.
pub fn reverse_gradient<const D: usize>(x: Tensor<D>, strength: f64) -> Tensor<D> {
    // x - value is exactly zero, so only its gradient survives.
    let value = x.clone().detach();
    value.clone() + (x - value).mul_scalar(-strength)
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;
    use burn::tensor::{Device, Distribution};

    use super::*;

    #[test]
    fn forward_is_exact() {
        let device = Device::flex().autodiff();
        let x = Tensor::<2>::random([50, 50], Distribution::Normal(0.0, 1e3), &device);
        assert_eq!(reverse_gradient(x.clone(), 0.3).into_data(), x.into_data());
    }

    #[test]
    fn gradient_is_the_reversed_one_of_differences() {
        let device = Device::flex().autodiff();
        let f = |x: Tensor<1>| x.clone().powi_scalar(3).sum() + x.exp().sum();
        for (at, strength) in [(0.5f32, 1.0), (-1.2, 0.25), (0.9, 0.0)] {
            let x = Tensor::<1>::from_floats([at], &device).require_grad();
            let grads = f(reverse_gradient(x.clone(), strength)).backward();
            let got = x.grad(&grads).unwrap().into_scalar::<f64>();
            let step = 1e-2f32;
            let value = |at: f32| f(Tensor::from_floats([at], &device)).into_scalar::<f64>();
            let slope = (value(at + step) - value(at - step)) / (2.0 * f64::from(step));
            assert_relative_eq!(got, -strength * slope, epsilon = 2e-3);
        }
    }
}
