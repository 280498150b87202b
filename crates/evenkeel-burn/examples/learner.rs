//! ELRs in Burn's own training loop:
//! `cargo run --release -p evenkeel-burn --features train --example learner`

use burn::data::dataloader::{DataLoaderBuilder, batcher::Batcher};
use burn::data::dataset::InMemDataset;
use burn::lr_scheduler::constant::ConstantLr;
use burn::module::Module;
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig};
use burn::optim::{GradientsParams, SgdConfig};
use burn::tensor::{Device, Tensor, activation::relu};
use burn::train::metric::LossMetric;
use burn::train::{
    InferenceStep, Learner, RegressionOutput, SupervisedTraining, TrainOutput, TrainStep,
};
use evenkeel::warmup;
use evenkeel_burn::learner::{ElrMetric, Watch, Watched};

#[derive(Module, Debug)]
struct Net {
    layers: Vec<(Linear, BatchNorm)>,
    #[module(skip)]
    watch: Watch,
}

impl Net {
    fn forward(&self, x: Tensor<2>) -> RegressionOutput {
        let layer = |x, (linear, norm): &(Linear, BatchNorm)| relu(norm.forward(linear.forward(x)));
        let target = x.clone().sum_dim(1).sin();
        let y = self.layers.iter().fold(x, layer).mean_dim(1);
        let loss = (y.clone() - target.clone()).square().mean();
        RegressionOutput::new(loss, y, target)
    }
}

impl TrainStep for Net {
    type Input = Tensor<2>;
    type Output = Watched<RegressionOutput>;

    fn step(&self, x: Tensor<2>) -> TrainOutput<Self::Output> {
        let output = self.forward(x);
        let grads = GradientsParams::from_grads(output.loss.backward(), self);
        let item = Watched::new(output, self.watch.read(self, &grads));
        TrainOutput { grads, item }
    }
}

impl InferenceStep for Net {
    type Input = Tensor<2>;
    type Output = RegressionOutput;

    fn step(&self, x: Tensor<2>) -> RegressionOutput {
        self.forward(x)
    }
}

/// Numbers for the network, from the numbers of rows.
struct Rows;

impl Batcher<usize, Tensor<2>> for Rows {
    fn batch(&self, rows: Vec<usize>, device: &Device) -> Tensor<2> {
        let row = |row: usize| (0..32).map(move |column| ((row * 37 + column * 11) % 97) as f32);
        let numbers: Vec<f32> = rows.iter().copied().flat_map(row).collect();
        Tensor::<1>::from_floats(numbers.as_slice(), device).reshape([rows.len(), 32]) / 97.0
    }
}

fn main() {
    let device = Device::flex().autodiff();
    let linear = LinearConfig::new(32, 32).with_bias(false);
    let layer = |_| (linear.init(&device), BatchNormConfig::new(32).init(&device));
    let net = Net {
        layers: (0..20).map(layer).collect(),
        watch: Watch::default(),
    };
    let rows = |from, to| {
        let loader = DataLoaderBuilder::new(Rows).batch_size(64);
        loader.build(InMemDataset::new((from..to).collect()))
    };
    let folder = std::env::temp_dir().join("evenkeel-learner");
    SupervisedTraining::new(&folder, rows(0, 1280), rows(1280, 1536))
        .num_epochs(5)
        .metric_train_numeric(LossMetric::new())
        .metric_train_numeric(ElrMetric::spread())
        .metric_train_numeric(ElrMetric::critical(warmup::DEFAULT))
        .metric_train_numeric(ElrMetric::layer("layers.0.0.weight"))
        .metric_train_numeric(ElrMetric::layer("layers.19.0.weight"))
        .summary()
        .launch(Learner::new(
            net,
            SgdConfig::new().init(),
            ConstantLr::new(0.05),
        ));
}
