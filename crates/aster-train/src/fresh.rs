//! Draws the weights that a training begins with. Burn draws from one state of the whole process: trainings that
//! begin at once take turns, so that each has the weights of its own seed.

use std::sync::Mutex;

use aster_detect::AsterConfig;
use aster_model::{Aster, NetworkComponents};
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};

use crate::error::TrainError;
use crate::monitor::lock;

static TURN: Mutex<()> = Mutex::new(());

/// A network with weights that are drawn from the config's seed.
pub(crate) fn fresh(
    config: &AsterConfig,
    components: &NetworkComponents,
    channels: usize,
    device: &Device,
) -> Result<Aster, TrainError> {
    let _turn = lock(&TURN);
    device.clone().inner().seed(config.train.seed);
    let network = config.model.init(components, channels, device)?;
    network.visit(&mut Drawn);
    Ok(network)
}

/// Seeds what is drawn from a device, but not while another training draws its weights.
pub(crate) fn seed(device: &Device, seed: u64) {
    let _turn = lock(&TURN);
    device.seed(seed);
}

/// Burn draws a parameter when it is first used, which may be after the turn.
struct Drawn;

impl ModuleVisitor for Drawn {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        param.val();
    }
}
