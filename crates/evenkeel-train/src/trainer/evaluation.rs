//! How good a network is: loss and accuracy over whole splits.

use burn::module::Module;
use evenkeel_nn::dataset::Split;
use evenkeel_nn::network::Network;
use evenkeel_nn::seed::{Purpose, rng};
use evenkeel_runs::folder::EvalLine;
use rand::seq::SliceRandom;

use super::session::Session;
use crate::error::TrainError;

impl Session<'_> {
    /// Evaluates on both splits, with statistics of batch normalization averaged over the training
    /// set, and writes it down.
    pub(super) fn evaluate(&mut self, step: usize) -> Result<(), TrainError> {
        let network = self.with_population_statistics().valid();
        let data = &self.run.setup.data;
        let (train_loss, train_accuracy) = self.score(&network, &data.train);
        let (test_loss, test_accuracy) = self.score(&network, &data.test);
        self.best.evaluated(test_loss, test_accuracy);
        Ok(self.writer.eval(&EvalLine {
            step,
            train_loss,
            train_accuracy,
            test_loss,
            test_accuracy,
        })?)
    }

    /// The network with BN statistics averaged over the training set: running averages lag behind
    /// weights that move this fast.
    fn with_population_statistics(&self) -> Network {
        // Without gradients: the tape of a forward pass is kept until the next backward pass, so that those
        // of all chunks would be in memory at once.
        let mut network = self.network.clone().fork(&self.device).no_grad();
        for (seen, rows) in self.chunks(&self.run.setup.data.train).iter().enumerate() {
            for norm in network.batch_norms() {
                norm.momentum = 1.0 / (seen as f64 + 1.0);
            }
            let (inputs, _) = self.run.setup.data.train.batch(rows, &self.device);
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
        let rows = sample(split.len(), self.run.eval_rows);
        let count = (rows.len() / self.run.setup.batch_size).max(1);
        let chunk = |index: usize| rows.len() * index / count..rows.len() * (index + 1) / count;
        (0..count)
            .map(|index| rows[chunk(index)].to_vec())
            .collect()
    }
}

/// At most `most` of the rows `0..all`, in their order: the same at every call, and drawn at random. Every so
/// manieth row would not do, since classes may take turns.
fn sample(all: usize, most: usize) -> Vec<usize> {
    let mut rows: Vec<usize> = (0..all).collect();
    if most >= all {
        return rows;
    }
    let (drawn, _) = rows.partial_shuffle(&mut rng(0, Purpose::Evaluation), most);
    drawn.sort_unstable();
    drawn.to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_its_share_of_every_class_in_any_order_of_classes() {
        let in_turn = |row: usize| row % 10;
        let in_a_row = |row: usize| row / 5000;
        for class in [in_turn, in_a_row] {
            let mut counts = [0; 10];
            sample(50_000, 2000)
                .iter()
                .for_each(|row| counts[class(*row)] += 1);
            // 200 of each, give or take four standard deviations.
            assert!(
                counts.iter().all(|count| (146..=254).contains(count)),
                "{counts:?}"
            );
        }
    }

    #[test]
    fn a_sample_is_the_same_every_time_has_no_row_twice_and_may_be_all() {
        let rows = sample(1000, 100);
        assert_eq!(rows.len(), 100);
        assert!(rows.is_sorted_by(|a, b| a < b));
        assert_eq!(rows, sample(1000, 100));
        for most in [7, 8] {
            assert_eq!(sample(7, most), [0, 1, 2, 3, 4, 5, 6]);
        }
    }
}
