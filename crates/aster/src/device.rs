use std::fmt;
use std::str::FromStr;

use burn::tensor::Device;

/// A backend that a feature of this crate can compile in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// CPU, pure Rust.
    Flex,
    /// LibTorch on the CPU.
    Tch,
    /// The default WebGPU device.
    Wgpu,
    /// The first CUDA device.
    Cuda,
}

/// Why there is no device of a backend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BackendError {
    /// The backend was not compiled in.
    #[error("backend {0} is not compiled in: enable the feature {0:?} of aster")]
    NotEnabled(String),
    /// No backend of that name.
    #[error("unknown backend {got:?}: expected one of flex, tch, wgpu, cuda")]
    Unknown {
        /// The name given.
        got: String,
    },
}

impl Backend {
    /// Every backend, by speed where the hardware is there.
    pub const ALL: [Self; 4] = [Self::Cuda, Self::Tch, Self::Wgpu, Self::Flex];

    /// The name of the backend and of its feature.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flex => "flex",
            Self::Tch => "tch",
            Self::Wgpu => "wgpu",
            Self::Cuda => "cuda",
        }
    }

    /// Its device. A driver that is missing shows when the device is first used.
    ///
    /// # Errors
    /// [`BackendError::NotEnabled`] names the feature to enable.
    ///
    /// ```
    /// # use aster::Backend;
    /// # #[cfg(feature = "flex")]
    /// let device = Backend::Flex.device()?;
    /// # Ok::<(), aster::BackendError>(())
    /// ```
    pub fn device(self) -> Result<Device, BackendError> {
        match self {
            #[cfg(feature = "flex")]
            Self::Flex => Ok(Device::flex()),
            #[cfg(feature = "tch")]
            #[allow(deprecated)] // Burn 0.23 drops it; this line is the seam.
            Self::Tch => Ok(Device::libtorch()),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Ok(Device::wgpu(burn::tensor::DeviceKind::DefaultDevice)),
            #[cfg(feature = "cuda")]
            Self::Cuda => Ok(Device::cuda(0)),
            #[allow(unreachable_patterns)] // reached unless all are compiled in
            _ => Err(BackendError::NotEnabled(self.name().into())),
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Backend {
    type Err = BackendError;

    fn from_str(text: &str) -> Result<Self, BackendError> {
        let named = Self::ALL.into_iter().find(|backend| backend.name() == text);
        named.ok_or_else(|| BackendError::Unknown { got: text.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_unknown_ones_are_errors() {
        for backend in Backend::ALL {
            assert_eq!(backend.to_string().parse(), Ok(backend));
        }
        assert!(matches!("gpu".parse::<Backend>(), Err(BackendError::Unknown { .. })));
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_missing_backend_names_its_feature() {
        let error = Backend::Cuda.device().unwrap_err();
        assert!(error.to_string().contains("feature \"cuda\""));
    }
}
