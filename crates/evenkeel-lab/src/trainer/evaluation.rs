//! How good a network is: loss and accuracy over whole splits.

use burn::module::Module;

use super::session::Session;
use crate::dataset::Split;
use crate::error::LabError;
use crate::model::network::Network;
use crate::run_folder::EvalLine;

impl Session<'_> {
    /// Evaluates on both splits, with statistics of batch normalization averaged over the training
    /// set, and writes it down.
    pub(super) fn evaluate(&mut self, step: usize) -> Result<(), LabError> {
        let network = self.with_population_statistics().valid();
        let data = &self.spec.data;
        let (train_loss, train_accuracy) = self.score(&network, &data.train);
        let (test_loss, test_accuracy) = self.score(&network, &data.test);
        self.best.evaluated(test_loss, test_accuracy);
        self.writer.eval(&EvalLine {
            step,
            train_loss,
            train_accuracy,
            test_loss,
            test_accuracy,
        })
    }

    /// The network with BN statistics averaged over the training set: running averages lag behind
    /// weights that move this fast.
    fn with_population_statistics(&self) -> Network {
        // Without gradients: the tape of a forward pass is kept until the next backward pass, so that those
        // of all chunks would be in memory at once.
        let mut network = self.network.clone().fork(&self.device).no_grad();
        for (seen, rows) in self.chunks(&self.spec.data.train).iter().enumerate() {
            for norm in network.batch_norms() {
                norm.momentum = 1.0 / (seen as f64 + 1.0);
            }
            let (inputs, _) = self.spec.data.train.batch(rows, &self.device);
            network.forward(inputs);
        }
        network
    }

    /// Mean cross-entropy, if finite, and share classified correctly.
    fn score(&self, network: &Network, split: &Split) -> (Option<f64>, f64) {
        let device = self.device.clone().inner();
        let (mut loss, mut correct, mut scored) = (0.0, 0.0, 0.0);
        for rows in self.chunks(split) {
            let (inputs, labels) = split.batch(&rows, &device);
            let scores = network.forward(inputs);
            let hits = scores
                .clone()
                .argmax(1)
                .squeeze::<1>()
                .equal(labels.clone());
            correct += hits.int().sum().into_scalar::<f64>();
            // Texts have a score for each token.
            let count = labels.dims()[0] as f64;
            let mean = network.cross_entropy(scores, labels);
            loss += mean.into_scalar::<f64>() * count;
            scored += count;
        }
        (
            Some(loss / scored).filter(|loss| loss.is_finite()),
            correct / scored,
        )
    }

    /// The rows of a split that count, in chunks of near-equal size of at least the batch size: a
    /// small last chunk would have statistics of its own.
    fn chunks(&self, split: &Split) -> Vec<Vec<usize>> {
        let all = split.len();
        let rows = all.min(self.spec.raw.eval_rows);
        let count = (rows / self.spec.raw.batch_size).max(1);
        let chunk = |index: usize| rows * index / count..rows * (index + 1) / count;
        // Evenly: rows may come in the order of their classes.
        let spread = |index: usize| (index as u128 * all as u128 / rows as u128) as usize;
        (0..count)
            .map(|index| chunk(index).map(spread).collect())
            .collect()
    }
}
