use std::fmt;
use std::str::FromStr;

use burn::tensor::Device;
#[cfg(any(
    feature = "cuda",
    feature = "metal",
    feature = "rocm",
    feature = "tch",
    feature = "vulkan",
    feature = "wgpu"
))]
use burn::tensor::DeviceType;

#[cfg(not(any(
    feature = "cuda",
    feature = "flex",
    feature = "metal",
    feature = "remote",
    feature = "rocm",
    feature = "tch",
    feature = "vulkan",
    feature = "wgpu"
)))]
compile_error!(
    "aster has no backend to run on: enable one of its features flex (the default), tch, wgpu, \
     vulkan, metal, cuda, rocm, remote"
);

/// The variable that [`DeviceChoice::Auto`] reads.
pub const DEVICE_VARIABLE: &str = "ASTER_DEVICE";

/// Backend that computes on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// NVIDIA GPUs.
    Cuda,
    /// AMD GPUs.
    Rocm,
    /// Apple GPUs.
    Metal,
    /// GPUs with a Vulkan driver.
    Vulkan,
    /// GPUs through whatever graphics interface there is.
    Wgpu,
    /// NVIDIA GPUs through LibTorch.
    TchCuda,
    /// The CPU through LibTorch.
    Tch,
    /// The CPU in pure Rust.
    Flex,
}

impl Backend {
    /// Every backend, in the order in which [`DeviceChoice::Auto`] tries them.
    pub const ALL: [Self; 8] = [
        Self::Cuda,
        Self::Rocm,
        Self::Metal,
        Self::Vulkan,
        Self::Wgpu,
        Self::TchCuda,
        Self::Tch,
        Self::Flex,
    ];

    /// Returns the backend's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cuda => "cuda",
            Self::Rocm => "rocm",
            Self::Metal => "metal",
            Self::Vulkan => "vulkan",
            Self::Wgpu => "wgpu",
            Self::TchCuda => "tch-cuda",
            Self::Tch => "tch",
            Self::Flex => "flex",
        }
    }

    /// The feature of this crate that compiles it in.
    pub fn feature(self) -> &'static str {
        match self {
            Self::TchCuda => "tch",
            other => other.name(),
        }
    }

    /// Lists the backend's devices on this machine: none where hardware or driver is missing.
    ///
    /// # Errors
    /// [`DeviceError::NotEnabled`] names the feature to enable.
    pub fn devices(self) -> Result<Vec<Device>, DeviceError> {
        match self {
            #[cfg(feature = "cuda")]
            Self::Cuda => Ok(Device::enumerate(DeviceType::Cuda).into_iter().collect()),
            #[cfg(feature = "rocm")]
            Self::Rocm => Ok(Device::enumerate(DeviceType::Rocm).into_iter().collect()),
            #[cfg(feature = "metal")]
            Self::Metal => Ok(Device::enumerate(DeviceType::Metal).into_iter().collect()),
            #[cfg(feature = "vulkan")]
            Self::Vulkan => Ok(Device::enumerate(DeviceType::Vulkan).into_iter().collect()),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Ok(Device::enumerate(DeviceType::Wgpu).into_iter().collect()),
            #[cfg(feature = "tch")]
            Self::TchCuda => Ok(Device::enumerate(DeviceType::LibTorch).into_iter().collect()),
            #[cfg(feature = "tch")]
            #[allow(deprecated)] // Burn 0.23 drops LibTorch; these arms are the seam.
            Self::Tch => {
                // Batches are cut into chunks for the cores; threads inside an operation
                // would compete with them.
                tch::set_num_threads(1);
                Ok(vec![Device::libtorch()])
            }
            #[cfg(feature = "flex")]
            Self::Flex => Ok(vec![Device::flex()]),
            #[allow(unreachable_patterns)] // reached unless all are compiled in
            _ => Err(DeviceError::NotEnabled { device: self.to_string(), feature: self.feature() }),
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Choice of a device. As text: `auto`, a backend's name (`cuda`), a name and an index
/// (`cuda:1`), or the address of a device server (`remote:ws://host:3000`, with an index
/// `remote:ws://host:3000#1`).
///
/// ```
/// use aster::{Backend, DeviceChoice, device};
///
/// assert_eq!("flex".parse::<DeviceChoice>()?, Backend::Flex.into());
/// let device = device(DeviceChoice::Auto)?;
/// # Ok::<(), aster::DeviceError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// Device that the variable `ASTER_DEVICE` names; without it, the first device of the first
    /// backend in [`Backend::ALL`] that is compiled in and finds one.
    #[default]
    Auto,
    /// A device of this machine.
    Local {
        /// Backend that computes.
        backend: Backend,
        /// Position in [`Backend::devices`].
        index: usize,
    },
    /// A device of another process or machine, which `burn::server` serves there.
    Remote {
        /// WebSocket address, such as `ws://host:3000`.
        url: String,
        /// Position among the server's devices.
        index: usize,
    },
}

impl From<Backend> for DeviceChoice {
    /// The backend's first device.
    fn from(backend: Backend) -> Self {
        Self::Local { backend, index: 0 }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Local { backend, index: 0 } => write!(f, "{backend}"),
            Self::Local { backend, index } => write!(f, "{backend}:{index}"),
            Self::Remote { url, index: 0 } => write!(f, "remote:{url}"),
            Self::Remote { url, index } => write!(f, "remote:{url}#{index}"),
        }
    }
}

impl FromStr for DeviceChoice {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        let unknown = || DeviceError::Unknown { got: text.into() };
        let split = |text: &str, at: char| match text.rsplit_once(at) {
            Some((name, index)) => Ok((name.to_string(), index.parse().map_err(|_| unknown())?)),
            None => Ok((text.to_string(), 0)),
        };
        if text == "auto" {
            return Ok(Self::Auto);
        }
        if let Some(address) = text.strip_prefix("remote:") {
            let (url, index) = split(address, '#')?;
            return match url.starts_with("ws://") {
                true => Ok(Self::Remote { url, index }),
                false => Err(unknown()),
            };
        }
        let (name, index) = split(text, ':')?;
        let named = Backend::ALL.into_iter().find(|backend| backend.name() == name);
        Ok(Self::Local { backend: named.ok_or_else(unknown)?, index })
    }
}

/// Why there is no such device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The backend was not compiled in.
    #[error("{device} is not compiled in: enable the feature {feature:?} of aster")]
    NotEnabled {
        /// The device asked for.
        device: String,
        /// The feature to enable.
        feature: &'static str,
    },
    /// A text that names no device.
    #[error(
        "unknown device {got:?}: expected auto, cuda, rocm, metal, vulkan, wgpu, tch-cuda, tch or \
         flex, with an index as in cuda:1, or remote:ws://host:port"
    )]
    Unknown {
        /// The text given.
        got: String,
    },
    /// The backend finds too few devices here.
    #[error("no device {choice}: {backend} finds {found} on this machine")]
    NotFound {
        /// The device asked for.
        choice: String,
        /// The backend asked.
        backend: &'static str,
        /// How many devices it finds.
        found: usize,
    },
    /// The device server does not answer, or refuses.
    #[error("{url}: {reason}")]
    Connect {
        /// Address of the server.
        url: String,
        /// Fault of the device, in words.
        reason: String,
    },
}

/// The device to compute on.
///
/// # Errors
/// A backend that is not compiled in (the error names the feature to enable), finds no
/// such device, or a server that does not answer.
///
/// ```
/// use aster::{Backend, DeviceChoice, device};
///
/// let cpu = device(Backend::Flex)?; // in code,
/// let same = device("flex".parse::<DeviceChoice>()?)?; // by name, or
/// let fastest = device(DeviceChoice::Auto)?; // ASTER_DEVICE, else what there is
/// # Ok::<(), aster::DeviceError>(())
/// ```
pub fn device(choice: impl Into<DeviceChoice>) -> Result<Device, DeviceError> {
    match choice.into() {
        DeviceChoice::Auto => match std::env::var(DEVICE_VARIABLE) {
            Ok(text) if text != "auto" => device(text.parse::<DeviceChoice>()?),
            _ => automatic(),
        },
        DeviceChoice::Local { backend, index } => {
            let mut devices = backend.devices()?;
            match index < devices.len() {
                true => Ok(devices.swap_remove(index)),
                false => Err(DeviceError::NotFound {
                    choice: DeviceChoice::Local { backend, index }.to_string(),
                    backend: backend.name(),
                    found: devices.len(),
                }),
            }
        }
        DeviceChoice::Remote { url, index } => remote(url, index),
    }
}

fn automatic() -> Result<Device, DeviceError> {
    let devices = |backend: Backend| backend.devices().unwrap_or_default();
    let first = Backend::ALL.into_iter().flat_map(devices).next();
    first.ok_or(DeviceError::NotFound {
        choice: DeviceChoice::Auto.to_string(),
        backend: "every backend compiled in",
        found: 0,
    })
}

#[cfg(feature = "remote")]
fn remote(url: String, index: usize) -> Result<Device, DeviceError> {
    let host = burn::remote::RemoteHost::websocket(&url);
    let connected = Device::remote_options(&host).device_index(index).init();
    connected.map_err(|error| DeviceError::Connect { url, reason: error.to_string() })
}

#[cfg(not(feature = "remote"))]
fn remote(url: String, index: usize) -> Result<Device, DeviceError> {
    let device = DeviceChoice::Remote { url, index }.to_string();
    Err(DeviceError::NotEnabled { device, feature: "remote" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_read_back_and_unknown_ones_are_errors() {
        let mut choices = vec![DeviceChoice::Auto];
        for backend in Backend::ALL {
            choices.extend([0, 3].map(|index| DeviceChoice::Local { backend, index }));
        }
        let url = "ws://host:3000".to_string();
        choices.extend([0, 2].map(|index| DeviceChoice::Remote { url: url.clone(), index }));
        for choice in choices {
            assert_eq!(choice.to_string().parse(), Ok(choice));
        }
        for text in ["", "gpu", "cuda:x", "cuda:-1", "remote:host:3000", "remote:ws://host#x"] {
            let error = text.parse::<DeviceChoice>().unwrap_err();
            assert_eq!(error, DeviceError::Unknown { got: text.into() });
        }
    }

    #[cfg(not(feature = "rocm"))]
    #[test]
    fn a_missing_backend_names_its_feature() {
        let error = device(Backend::Rocm).unwrap_err().to_string();
        assert!(error.contains("feature \"rocm\""), "{error}");
    }

    #[cfg(feature = "flex")]
    #[test]
    fn an_index_beyond_the_devices_says_how_many_there_are() {
        let choice = DeviceChoice::Local { backend: Backend::Flex, index: 1 };
        let error = device(choice).unwrap_err().to_string();
        assert_eq!(error, "no device flex:1: flex finds 1 on this machine");
    }
}
