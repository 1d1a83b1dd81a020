//! Figures, as a table for people or a JSON object a line.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Figure {
    pub name: String,
    pub value: f64,
    pub unit: String,
}

pub struct Report {
    json: bool,
    figures: Vec<Figure>,
}

impl Figure {
    pub fn new(name: &str, value: f64, unit: &str) -> Self {
        Self { name: name.to_owned(), value: (value * 1000.0).round() / 1000.0, unit: unit.to_owned() }
    }

    pub fn line(&self) -> String {
        serde_json::to_string(self).expect("three plain fields")
    }
}

impl Report {
    pub fn new(json: bool) -> Self {
        Self { json, figures: Vec::new() }
    }

    /// Shown at once: a long run that breaks off has still said what it knew.
    pub fn add(&mut self, figure: Figure) {
        if self.json {
            println!("{}", figure.line());
        } else {
            eprintln!("{:<24} {:>12} {}", figure.name, figure.value, figure.unit);
        }
        self.figures.push(figure);
    }

    pub fn finish(&self) {
        if self.json {
            return;
        }
        println!("| figure | value | unit |\n|---|---|---|");
        for figure in &self.figures {
            println!("| {} | {} | {} |", figure.name, figure.value, figure.unit);
        }
    }
}

/// The value below which `percent` of the samples lie. Sorts them.
pub fn percentile(samples: &mut [f64], percent: f64) -> f64 {
    assert!(!samples.is_empty(), "nothing was measured");
    samples.sort_by(f64::total_cmp);
    let at = (samples.len() as f64 * percent / 100.0).ceil() as usize;
    samples[at.clamp(1, samples.len()) - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles() {
        let mut samples: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(percentile(&mut samples, 50.0), 50.0);
        assert_eq!(percentile(&mut samples, 99.0), 99.0);
        assert_eq!(percentile(&mut [7.0], 99.0), 7.0);
    }
}
