//! Checkpoints: all that a run is between two steps, in one file that is whole or absent.
//!
//! ```text
//! "evenkeel-ckpt/2\n"   16 bytes
//! SHA-256               of everything below
//! length, state         JSON: step, batches drawn, controller, lengths of the logs
//! length, model         Burn's record of the module, with the identities of its parameters
//! length, optimizer     Burn's record of the optimiser
//! ```
//!
//! Lengths are 8 bytes, little-endian. One file is one commit: there is no moment at which the
//! weights are of one step and the optimiser or the logs of another.

mod store;

use burn::module::Module;
use burn::store::ModuleRecord;
use burn::tensor::Bytes;
use evenkeel::controller::ControllerState;
use evenkeel_nn::network::Network;
use evenkeel_runs::writer::Lengths;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use store::{Checkpoints, Which};

const MAGIC: &[u8; 16] = b"evenkeel-ckpt/2\n";
const DIGEST: usize = 32;
const LENGTH: usize = 8;

/// All that is not a tensor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// Updates done.
    pub step: usize,
    /// SHA-256 of the run's `run.toml`: a checkpoint of another run is refused.
    pub run: String,
    /// Training batches drawn, those for the probe not counted.
    pub batches: u64,
    /// State of the controller.
    pub controller: ControllerState,
    /// Lengths of the logs.
    pub logs: Lengths,
    /// Whether the evaluation due at this step is in the logs.
    pub evaluated: bool,
    /// Results of evaluations so far.
    pub best: Best,
}

/// What evaluations have said so far. Numbers are kept as the bits of 64-bit floats.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Best {
    /// Test accuracy of the last evaluation, by which the best checkpoint is kept.
    accuracy: Option<u64>,
    /// The lowest test loss.
    loss: Option<u64>,
    /// Evaluations since then.
    pub since: usize,
}

impl Best {
    /// Records an evaluation.
    pub fn evaluated(&mut self, test_loss: Option<f64>, test_accuracy: f64) {
        self.accuracy = Some(test_accuracy.to_bits());
        let best = self.loss.map_or(f64::INFINITY, f64::from_bits);
        match test_loss.filter(|loss| *loss < best) {
            Some(loss) => (self.loss, self.since) = (Some(loss.to_bits()), 0),
            None => self.since += 1,
        }
    }

    /// Test accuracy of the last evaluation.
    pub fn test_accuracy(&self) -> Option<f64> {
        self.accuracy.map(f64::from_bits)
    }
}

/// A run between two steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// All that is not a tensor.
    pub state: State,
    /// Burn's record of the module.
    pub model: Vec<u8>,
    /// Burn's record of the optimiser.
    pub optimizer: Vec<u8>,
}

impl Checkpoint {
    /// The bytes of the file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let state = serde_json::to_vec(&self.state).expect("numbers and strings serialise");
        let parts = [&state, &self.model, &self.optimizer];
        let mut body = Vec::with_capacity(parts.iter().map(|part| part.len() + LENGTH).sum());
        for part in parts {
            body.extend((part.len() as u64).to_le_bytes());
            body.extend(part);
        }
        [MAGIC.as_slice(), Sha256::digest(&body).as_slice(), &body].concat()
    }

    /// Reads the bytes of a file; `Err` says in words what is wrong with them.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let rest = bytes
            .strip_prefix(MAGIC)
            .ok_or("it is not a checkpoint of this version of evenkeel")?;
        let (digest, mut body) = rest
            .split_at_checked(DIGEST)
            .ok_or_else(|| format!("it ends after {} bytes", bytes.len()))?;
        if Sha256::digest(body).as_slice() != digest {
            return Err(
                "its content does not match its checksum: it is cut short or damaged".to_owned(),
            );
        }
        let state = part(&mut body)?;
        let state = serde_json::from_slice(state).map_err(|error| format!("its state: {error}"))?;
        let (model, optimizer) = (part(&mut body)?.to_vec(), part(&mut body)?.to_vec());
        match body {
            [] => Ok(Self {
                state,
                model,
                optimizer,
            }),
            more => Err(format!("{} bytes too many", more.len())),
        }
    }
}

/// Takes a part with its length off the front of `body`.
fn part<'a>(body: &mut &'a [u8]) -> Result<&'a [u8], String> {
    let short = || "a part is shorter than its length says".to_owned();
    let (length, rest) = body.split_first_chunk::<LENGTH>().ok_or_else(short)?;
    let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| short())?;
    let (part, rest) = rest.split_at_checked(length).ok_or_else(short)?;
    *body = rest;
    Ok(part)
}

/// A network with the weights of a checkpoint's model; `Err` says in words why they are not its.
pub fn load_model(network: Network, model: Vec<u8>) -> Result<Network, String> {
    let record = ModuleRecord::from_bytes(Bytes::from_bytes_vec(model));
    let record = record.map_err(|error| error.to_string())?;
    let loaded = network.try_load_record(record);
    loaded.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            state: State {
                step: 3,
                run: "ab".to_owned(),
                batches: 4,
                controller: ControllerState::default(),
                logs: Lengths::default(),
                evaluated: true,
                best: Best::default(),
            },
            model: vec![1, 2, 3],
            optimizer: Vec::new(),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(
            Checkpoint::from_bytes(&checkpoint().to_bytes()).unwrap(),
            checkpoint()
        );
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_refused() {
        let bytes = checkpoint().to_bytes();
        for length in 0..bytes.len() {
            assert!(
                Checkpoint::from_bytes(&bytes[..length]).is_err(),
                "{length}"
            );
        }
        for bit in 0..8 * bytes.len() {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(Checkpoint::from_bytes(&damaged).is_err(), "{bit}");
        }
        assert!(Checkpoint::from_bytes(&[bytes, vec![0]].concat()).is_err());
    }
}
