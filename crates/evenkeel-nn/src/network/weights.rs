//! The parameters of layers as a Burn module.
//!
//! Burn derives this for structures that are known when they are compiled. Here the names come
//! from the layers: a parameter's path is that of its layer, so that `run.toml`, reports and other
//! frameworks have the same names.

use burn::module::{Devices, Module, ModuleMapper, ModuleVisitor};
use burn::nn::conv::Conv2d;
use burn::nn::{BatchNorm, Embedding, Linear};
use burn::tensor::Device;

use super::{Network, Node};
use crate::layer::Layer;
use crate::layer::norm::ExampleNorm;

/// The parameters of one layer.
#[derive(Debug, Clone)]
pub enum Weights {
    /// None.
    None,
    /// Of a linear layer.
    Linear(Linear),
    /// Of a convolution.
    Conv(Conv2d),
    /// Of a batch normalization, with its running statistics.
    BatchNorm(BatchNorm),
    /// Of a table of tokens or positions.
    Table(Embedding),
    /// Of every other normalization.
    ExampleNorm(ExampleNorm),
}

/// The same done to parameters of whatever kind.
macro_rules! each {
    ($weights:expr, $module:ident => $result:expr) => {
        match $weights {
            Weights::None => Weights::None,
            Weights::Linear($module) => Weights::Linear($result),
            Weights::Conv($module) => Weights::Conv($result),
            Weights::BatchNorm($module) => Weights::BatchNorm($result),
            Weights::Table($module) => Weights::Table($result),
            Weights::ExampleNorm($module) => Weights::ExampleNorm($result),
        }
    };
}

impl Module for Weights {
    fn collect_devices(&self, devices: Devices) -> Devices {
        match self {
            Self::None => devices,
            Self::Linear(module) => module.collect_devices(devices),
            Self::Conv(module) => module.collect_devices(devices),
            Self::BatchNorm(module) => module.collect_devices(devices),
            Self::Table(module) => module.collect_devices(devices),
            Self::ExampleNorm(module) => module.collect_devices(devices),
        }
    }

    fn visit<V: ModuleVisitor>(&self, visitor: &mut V) {
        match self {
            Self::None => {}
            Self::Linear(module) => module.visit(visitor),
            Self::Conv(module) => module.visit(visitor),
            Self::BatchNorm(module) => module.visit(visitor),
            Self::Table(module) => module.visit(visitor),
            Self::ExampleNorm(module) => module.visit(visitor),
        }
    }

    fn map<M: ModuleMapper>(self, mapper: &mut M) -> Self {
        each!(self, module => module.map(mapper))
    }

    fn fork(self, device: &Device) -> Self {
        each!(self, module => module.fork(device))
    }

    fn to_device(self, device: &Device) -> Self {
        each!(self, module => module.to_device(device))
    }

    fn train(self) -> Self {
        each!(self, module => module.train())
    }

    fn valid(&self) -> Self {
        each!(self, module => module.valid())
    }

    fn materialize(self) -> Self {
        each!(self, module => module.materialize())
    }
}

impl Network {
    fn each(self, change: impl FnMut(Node) -> Node) -> Self {
        Self {
            nodes: self.nodes.into_iter().map(change).collect(),
            fused: self.fused,
            kernels: self.kernels,
        }
    }
}

impl Node {
    /// The same done to its own parameters and to its branches.
    fn both(
        self,
        own: impl FnOnce(Weights) -> Weights,
        branch: impl FnMut(Network) -> Network,
    ) -> Self {
        Self {
            layer: self.layer,
            weights: own(self.weights),
            branches: self.branches.into_iter().map(branch).collect(),
        }
    }
}

/// A layer's own part of the paths of its parameters.
fn path(layer: &Layer) -> &str {
    layer.name().unwrap_or_default()
}

/// What stands for the type in a path; the modules within have their own.
const CONTAINER: &str = "Network";

impl Module for Network {
    fn collect_devices(&self, devices: Devices) -> Devices {
        self.nodes.iter().fold(devices, |devices, node| {
            let devices = node.weights.collect_devices(devices);
            let branches = node.branches.iter();
            branches.fold(devices, |devices, branch| branch.collect_devices(devices))
        })
    }

    fn visit<V: ModuleVisitor>(&self, visitor: &mut V) {
        for node in &self.nodes {
            let path = path(&node.layer);
            visitor.enter_module(path, CONTAINER);
            node.weights.visit(visitor);
            visitor.exit_module(path, CONTAINER);
            node.branches
                .iter()
                .for_each(|branch| branch.visit(visitor));
        }
    }

    fn map<M: ModuleMapper>(self, mapper: &mut M) -> Self {
        self.each(|node| {
            let Node {
                layer,
                weights,
                branches,
            } = node;
            let path = path(&layer);
            mapper.enter_module(path, CONTAINER);
            let weights = weights.map(mapper);
            mapper.exit_module(path, CONTAINER);
            let branches = branches.into_iter().map(|branch| branch.map(mapper));
            Node {
                branches: branches.collect(),
                layer,
                weights,
            }
        })
    }

    fn fork(self, device: &Device) -> Self {
        self.each(|node| node.both(|own| own.fork(device), |branch| branch.fork(device)))
    }

    fn to_device(self, device: &Device) -> Self {
        self.each(|node| {
            node.both(
                |own| own.to_device(device),
                |branch| branch.to_device(device),
            )
        })
    }

    fn train(self) -> Self {
        self.each(|node| node.both(Module::train, Module::train))
    }

    fn valid(&self) -> Self {
        self.clone()
            .each(|node| node.both(|own| own.valid(), |branch| branch.valid()))
    }

    fn materialize(self) -> Self {
        self.each(|node| node.both(Module::materialize, Module::materialize))
    }
}
