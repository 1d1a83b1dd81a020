//! Which certificate a client gets that asks for a name (SNI).

use std::collections::HashMap;

/// Certificates by the names they are for. `T` tells them apart.
#[derive(Debug, Clone)]
pub struct NameMap<T> {
    exact: HashMap<String, Vec<T>>,
    /// By what follows the star, the dot included.
    wild: HashMap<String, Vec<T>>,
    /// Names that a certificate's wildcards do not cover.
    not: HashMap<String, Vec<T>>,
}

impl<T> Default for NameMap<T> {
    fn default() -> Self {
        Self { exact: HashMap::new(), wild: HashMap::new(), not: HashMap::new() }
    }
}

impl<T: Clone + PartialEq> NameMap<T> {
    /// Adds a name: `a.example.org`, `*.example.org`, or `!a.example.org` for an exception. `!*` and `*` mean nothing,
    /// as in HAProxy: a certificate that is for no name can still be the default.
    pub fn add(&mut self, pattern: &str, value: T) {
        let pattern = pattern.to_ascii_lowercase();
        let (name, map) = match (pattern.strip_prefix('!'), pattern.strip_prefix('*')) {
            (Some(name), _) if name.starts_with('*') => return,
            (Some(name), _) => (name, &mut self.not),
            (_, Some(rest)) => (rest, &mut self.wild),
            _ => (pattern.as_str(), &mut self.exact),
        };
        if !name.is_empty() {
            map.entry(name.to_owned()).or_default().push(value);
        }
    }

    /// Certificates for a name, best first: those for this very name, then those for `*` and all but its first label.
    pub fn find(&self, name: &str) -> Vec<T> {
        let name = name.to_ascii_lowercase();
        let not: &[T] = self.not.get(&name).map_or(&[], Vec::as_slice);
        let exact = self.exact.get(&name);
        let wild = name.find('.').and_then(|dot| self.wild.get(&name[dot..]));
        let wild = wild.into_iter().flatten().filter(|value| !not.contains(value));
        exact.into_iter().flatten().chain(wild).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds() {
        let mut map = NameMap::default();
        map.add("a.example.org", 1);
        map.add("*.example.org", 2);
        map.add("!no.example.org", 2);
        map.add("*.Example.org", 3);
        map.add("!*", 4);
        map.add("*", 4);
        assert_eq!(map.find("A.example.org"), [1, 2, 3]);
        assert_eq!(map.find("b.example.org"), [2, 3]);
        assert_eq!(map.find("no.example.org"), [3]);
        assert!(map.find("b.a.example.org").is_empty());
        assert!(map.find("example.org").is_empty());
        assert!(map.find("").is_empty());
    }
}
