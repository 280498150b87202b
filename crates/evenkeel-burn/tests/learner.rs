//! Metrics of a real training with Burn's `Learner` say what the probe reads by itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use burn::data::dataloader::{DataLoaderBuilder, batcher::Batcher};
use burn::data::dataset::InMemDataset;
use burn::lr_scheduler::constant::ConstantLr;
use burn::module::Module;
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig};
use burn::optim::{GradientsParams, SgdConfig};
use burn::tensor::{Device, Tensor, activation::relu};
use burn::train::logger::MetricLogger;
use burn::train::metric::store::{EpochSummary, MetricsUpdate, Split};
use burn::train::metric::{LossMetric, MetricDefinition, MetricId, NumericEntry};
use burn::train::{
    InferenceStep, Learner, RegressionOutput, SupervisedTraining, TrainOutput, TrainStep,
};
use evenkeel::quantity::{Elr, LearningRate};
use evenkeel::spread::Spread;
use evenkeel::warmup;
use evenkeel_burn::learner::{ElrMetric, Watch, Watched};
use evenkeel_burn::probe::Probe;

const RATE: f64 = 0.05;
const LAYER: &str = "layers.1.0.weight";

#[derive(Module, Debug)]
struct Net {
    layers: Vec<(Linear, Option<BatchNorm>)>,
    #[module(skip)]
    watch: Watch,
}

impl Net {
    fn new(normalized: bool, device: &Device) -> Self {
        let linear = LinearConfig::new(8, 8).with_bias(false);
        let norm = || normalized.then(|| BatchNormConfig::new(8).init(device));
        Self {
            layers: (0..4).map(|_| (linear.init(device), norm())).collect(),
            watch: Watch::default(),
        }
    }

    fn forward(&self, x: Tensor<2>) -> RegressionOutput {
        let layer = |x, (linear, norm): &(Linear, Option<BatchNorm>)| {
            let y = linear.forward(x);
            relu(norm.iter().fold(y, |y, norm| norm.forward(y)))
        };
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

struct Rows;

impl Batcher<usize, Tensor<2>> for Rows {
    fn batch(&self, rows: Vec<usize>, device: &Device) -> Tensor<2> {
        let row = |row: usize| (0..8).map(move |column| ((row * 37 + column * 11) % 97) as f32);
        let numbers: Vec<f32> = rows.iter().copied().flat_map(row).collect();
        Tensor::<1>::from_floats(numbers.as_slice(), device).reshape([rows.len(), 8]) / 97.0
    }
}

/// What was logged of each metric, step by step.
#[derive(Clone, Default)]
struct Log {
    names: HashMap<MetricId, String>,
    values: Arc<Mutex<HashMap<String, Vec<f64>>>>,
}

impl MetricLogger for Log {
    fn log(&mut self, update: MetricsUpdate, _epoch: usize, split: &Split) {
        let nothing = update.entries_numeric.is_empty();
        assert!(nothing || matches!(split, Split::Train), "{split:?}");
        for update in update.entries_numeric {
            let name = self.names[&update.entry.metric_id].clone();
            let text = &update.entry.serialized_entry.serialized;
            match NumericEntry::deserialize(text) {
                // Of an epoch, beside those of its steps.
                Ok(NumericEntry::Final(_)) => {}
                Ok(entry) => {
                    let mut values = self.values.lock().unwrap();
                    values.entry(name).or_default().push(entry.current());
                }
                Err(_) => assert_eq!(text, "N/A"),
            }
        }
    }

    fn read_numeric(
        &mut self,
        _name: &str,
        _epoch: usize,
        _split: &Split,
    ) -> Result<Vec<NumericEntry>, String> {
        Ok(Vec::new())
    }

    fn log_metric_definition(&mut self, definition: MetricDefinition) {
        let name = definition.name.to_string();
        self.names.insert(definition.metric_id, name);
    }

    fn log_epoch_summary(&mut self, _summary: EpochSummary) {}
}

/// Trains for two epochs of four steps and returns what was logged.
fn logged(net: Net) -> HashMap<String, Vec<f64>> {
    let rows = |from, to| {
        let loader = DataLoaderBuilder::new(Rows).batch_size(16);
        loader.build(InMemDataset::new((from..to).collect()))
    };
    let folder = std::env::temp_dir().join(format!("evenkeel-learner-{}", std::process::id()));
    let log = Log::default();
    let result = SupervisedTraining::new(&folder, rows(0, 64), rows(64, 96))
        .num_epochs(2)
        .with_metric_logger(log.clone())
        .with_application_logger(None)
        .metric_train_numeric(LossMetric::new())
        .metric_train_numeric(ElrMetric::spread())
        .metric_train_numeric(ElrMetric::critical(warmup::DEFAULT))
        .metric_train_numeric(ElrMetric::layer(LAYER))
        .metric_train_numeric(ElrMetric::layer("no such layer"))
        .launch(Learner::new(
            net,
            SgdConfig::new().init(),
            ConstantLr::new(RATE),
        ));
    let _ = std::fs::remove_dir_all(folder);
    assert!(result.error.is_none());
    let values = log.values.lock().unwrap();
    values.clone()
}

/// Spread, critical rate and the layer's ELR of the same training, done by hand.
fn by_hand(mut net: Net, device: &Device) -> Vec<[f64; 3]> {
    let mut optimizer = SgdConfig::new().init();
    let mut probe = None;
    let mut step = |rows: std::ops::Range<usize>| {
        let loss = net.forward(Rows.batch(rows.collect(), device)).loss;
        let gradients = GradientsParams::from_grads(loss.backward(), &net);
        let probe = probe.get_or_insert_with(|| Probe::find(&net, &gradients).unwrap());
        let readings = probe.read(&net, &gradients).unwrap();
        let elrs = readings.iter().map(|r| r.norms().unwrap().elr().unwrap());
        let elrs: Vec<Elr> = elrs.collect();
        let layer = probe
            .layers()
            .position(|layer| layer.path == LAYER)
            .unwrap();
        net = optimizer.step(RATE, net.clone(), gradients);
        [
            Spread::of(&elrs).decades(),
            warmup::DEFAULT
                .critical(&elrs)
                .map(LearningRate::get)
                .unwrap(),
            elrs[layer].get(),
        ]
    };
    (0..8)
        .map(|index| step(16 * (index % 4)..16 * (index % 4) + 16))
        .collect()
}

#[test]
fn metrics_of_a_learner_are_what_the_probe_reads_before_each_step() {
    let device = Device::flex().autodiff();
    let net = Net::new(true, &device);
    // A watch of its own, as clones share theirs.
    let twin = Net {
        watch: Watch::default(),
        ..net.clone()
    };
    // Running statistics are shared between clones, and no matter here.
    let (logged, expected) = (logged(net), by_hand(twin, &device));
    let names = [
        "ELR spread (decades)".to_owned(),
        format!("Critical LR ({})", warmup::DEFAULT.name),
        format!("ELR {LAYER}"),
    ];
    for (column, name) in names.iter().enumerate() {
        let expected: Vec<f64> = expected.iter().map(|row| row[column]).collect();
        assert_eq!(logged[name], expected, "{name}");
    }
    assert_eq!(logged["Loss"].len(), 8, "Burn's own metrics look through");
    assert!(!logged.contains_key("ELR no such layer"));
}

#[test]
fn a_network_with_nothing_to_read_trains_without_elrs() {
    let device = Device::flex().autodiff();
    let logged = logged(Net::new(false, &device));
    assert_eq!(logged.keys().collect::<Vec<_>>(), ["Loss"]);
}
