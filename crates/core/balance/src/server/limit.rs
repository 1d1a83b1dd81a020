//! How many connections a server may have at once.

/// `maxconn`, `minconn` and the backend's `fullconn`: a limit that grows with the backend's load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// 0 is no limit.
    pub maxconn: u32,
    /// 0 or `maxconn` is a limit that does not move.
    pub minconn: u32,
    /// Connections of the backend at which a server's limit reaches `maxconn`.
    pub fullconn: u32,
}

impl Limits {
    /// As the configuration says it, with what one value implies for the other (manual, `minconn`).
    pub fn new(maxconn: u32, minconn: u32, fullconn: u32) -> Self {
        let maxconn = maxconn.max(minconn);
        Self { maxconn, minconn: if minconn == 0 { maxconn } else { minconn }, fullconn }
    }

    pub fn is_static(&self) -> bool {
        self.minconn == self.maxconn
    }

    /// The limit by `set maxconn server` or an agent: a limit that does not move stays one.
    pub fn set_maxconn(&mut self, maxconn: u32) {
        if self.is_static() {
            self.minconn = maxconn;
        }
        self.maxconn = maxconn;
    }

    /// Connections the server may have now; 0 is no limit.
    ///
    /// `backend_connections`: of the whole backend, at this moment. `warmth`: percent of its slow start gone by, if it
    /// is in one; the limit is then at least 1.
    pub fn now(&self, backend_connections: u32, warmth: Option<u32>) -> u32 {
        if self.maxconn == 0 {
            return 0;
        }
        let max = if self.is_static() || self.fullconn == 0 || backend_connections >= self.fullconn {
            self.maxconn
        } else {
            let share = u64::from(backend_connections) * u64::from(self.maxconn) / u64::from(self.fullconn);
            self.minconn.max(share as u32)
        };
        match warmth {
            Some(percent) => ((u64::from(max) * u64::from(percent) / 100) as u32).max(1),
            None => max,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_with_the_backend() {
        let limits = Limits::new(100, 10, 1000);
        let at = |connections| limits.now(connections, None);
        assert_eq!([at(0), at(100), at(101), at(500), at(999), at(1000), at(5000)], [10, 10, 10, 50, 99, 100, 100]);
    }

    #[test]
    fn a_cold_server_gets_its_share_and_at_least_one() {
        let limits = Limits::new(250, 0, 0);
        let at = |percent| limits.now(0, Some(percent));
        assert_eq!([at(0), at(1), at(10), at(100)], [1, 2, 25, 250]);
        assert_eq!(Limits::default().now(7, Some(1)), 0, "no limit stays none");
    }

    #[test]
    fn one_value_implies_the_other() {
        assert_eq!(Limits::new(0, 30, 0), Limits { maxconn: 30, minconn: 30, fullconn: 0 });
        let mut fixed = Limits::new(5, 0, 0);
        fixed.set_maxconn(9);
        assert_eq!((fixed.minconn, fixed.maxconn), (9, 9));
        let mut moving = Limits::new(5, 2, 0);
        moving.set_maxconn(9);
        assert_eq!((moving.minconn, moving.maxconn), (2, 9));
    }
}
