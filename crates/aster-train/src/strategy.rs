use burn::tensor::Device;
use burn::tensor::distributed::DistributedConfig;
use burn::train::{ExecutionStrategy, MultiDeviceOptim};

/// Devices that training runs on: Burn's [`ExecutionStrategy`], before it takes hold of anything.
///
/// All devices have autodiff (`device.autodiff()`).
#[derive(Debug, Clone)]
pub enum Strategy {
    /// Single device.
    Single(Device),
    /// Several devices, which send their gradients to the first one.
    Multi(Vec<Device>),
    /// Several devices, which add their gradients up by a collective operation; the config should
    /// take the mean. Burn 0.22 has that operation on CUDA and ROCm, and not across device
    /// servers.
    Distributed(Vec<Device>, DistributedConfig),
}

impl Strategy {
    /// Returns the devices; the first one scores.
    pub fn devices(&self) -> &[Device] {
        match self {
            Self::Single(device) => std::slice::from_ref(device),
            Self::Multi(devices) | Self::Distributed(devices, _) => devices,
        }
    }

    /// Factor on the gradients of each device: one over their number where Burn adds them up.
    pub(crate) fn weight(&self) -> f64 {
        match self {
            Self::Multi(devices) => 1.0 / devices.len() as f64,
            Self::Single(_) | Self::Distributed(..) => 1.0,
        }
    }

    pub(crate) fn start(&self) -> ExecutionStrategy {
        match self.clone() {
            Self::Single(device) => ExecutionStrategy::single(device),
            Self::Multi(devices) => {
                ExecutionStrategy::multi(devices, MultiDeviceOptim::OptimMainDevice)
            }
            Self::Distributed(devices, config) => ExecutionStrategy::ddp(devices, config),
        }
    }
}
