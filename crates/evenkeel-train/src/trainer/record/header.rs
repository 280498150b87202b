//! `run.toml` of a run: its settings, and what the probe found.

use evenkeel_burn::probe::{Parameter, Probe, Role, Units};
use evenkeel_runs::folder::{Header, LayerHeader, OtherHeader, UnitHeader};

use crate::run::ResolvedRun;

/// The version of Burn, which does not tell it itself.
const BURN: &str = "0.22.1";

/// `run.toml` of a run.
pub fn header(run: &ResolvedRun, probe: &Probe) -> Header {
    let others = probe
        .parameters()
        .iter()
        .filter(|parameter| parameter.role != Role::ScaleInvariant);
    Header {
        evenkeel: env!("CARGO_PKG_VERSION").to_owned(),
        burn: BURN.to_owned(),
        device: run.setup.device.description.clone(),
        data_sha256: Some(run.setup.data.sha256().to_owned()),
        spec: run.recorded.clone(),
        layers: probe
            .layers()
            .map(|layer| LayerHeader {
                name: layer.path.clone(),
                shape: layer.shape.clone(),
                units: layer
                    .units
                    .map(|Units { axis, count }| UnitHeader { axis, count }),
            })
            .collect(),
        others: others.map(other_header).collect(),
    }
}

fn other_header(parameter: &Parameter) -> OtherHeader {
    let found = parameter.found;
    OtherHeader {
        name: parameter.path.clone(),
        shape: parameter.shape.clone(),
        role: parameter.role.name().to_owned(),
        weight_norm: found.map(|reading| reading.weight_norm),
        grad_norm: found.map(|reading| reading.gradient_norm),
        cosine: found.map(|reading| reading.cosine),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_burn_is_that_which_is_built() {
        let lock = include_str!("../../../../../Cargo.lock");
        assert!(lock.contains(&format!("name = \"burn\"\nversion = \"{BURN}\"")));
    }
}
