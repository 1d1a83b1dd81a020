//! Loads, each in its own file: what a client does, and what it measured.

mod config_maps;
mod many_nodes;
mod pauses;
mod pods;
mod watches;

use crate::client::Target;
use crate::report::Figure;

/// Runs one and prints its figures.
pub async fn run(scene: &str) {
    if scene == "pauses" {
        return print(pauses::run().await);
    }
    let target = Target::from_env();
    let figures = match scene {
        "create" => config_maps::create(&target).await,
        "get" => config_maps::get(&target).await,
        "list" => config_maps::list(&target).await,
        "watch" => watches::fan_out(&target).await,
        "pods" => pods::one_by_one(&target).await,
        "deployment" => pods::deployment(&target).await,
        "many-nodes" => many_nodes::run(&target).await,
        "idle-pods" => pods::idle(&target).await,
        other => panic!("no load is named {other}"),
    };
    print(figures);
}

fn print(figures: Vec<Figure>) {
    for figure in figures {
        println!("{}", figure.line());
    }
}

/// Samples in milliseconds of all clients, in one list.
async fn gather(tasks: Vec<tokio::task::JoinHandle<Vec<f64>>>) -> Vec<f64> {
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.expect("a client does not panic"));
    }
    all
}

fn milliseconds(since: std::time::Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

fn figures<const N: usize>(of: [(&str, f64, &str); N]) -> Vec<Figure> {
    of.map(|(name, value, unit)| Figure::new(name, value, unit)).into()
}
