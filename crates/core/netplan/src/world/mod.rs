//! What the network knows of the cluster: the few facts of Services and EndpointSlices that proxy and DNS need.
//!
//! A Service's facts take some hundred bytes, its whole typed object ten times that.

pub mod service;
pub mod slice;

pub use service::{Service, ServicePort};
pub use slice::{Endpoint, Slice};

use apimachinery::Object;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::IpAddr;

/// A Service's namespace and name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name {
    pub namespace: String,
    pub name: String,
}

/// Services and their endpoints as of the objects put in.
#[derive(Debug, Default)]
pub struct World {
    services: BTreeMap<Name, Service>,
    /// By Service, then by the slice's own name.
    slices: BTreeMap<Name, BTreeMap<String, Slice>>,
    /// Which Service a slice (`namespace/name`) was put in for: a label may change.
    owners: HashMap<String, Name>,
    /// Who an address belongs to, for reverse lookups.
    addresses: HashMap<IpAddr, Vec<Name>>,
}

impl World {
    /// Takes in a new or changed Service.
    ///
    /// # Errors
    /// If the object is no Service; the old facts stay.
    pub fn put_service(&mut self, object: &Object) -> Result<(), serde_json::Error> {
        let service = Service::from_object(object)?;
        let name = Name::of(object);
        self.remove_service(object);
        self.index(&name, &service.cluster_ips);
        self.services.insert(name, service);
        Ok(())
    }

    pub fn remove_service(&mut self, object: &Object) {
        let name = Name::of(object);
        if let Some(old) = self.services.remove(&name) {
            self.unindex(&name, &old.cluster_ips);
        }
    }

    /// Takes in a new or changed EndpointSlice. One that belongs to no Service is left out.
    ///
    /// # Errors
    /// If the object is no EndpointSlice; the old facts stay.
    pub fn put_slice(&mut self, object: &Object) -> Result<(), serde_json::Error> {
        let slice = Slice::from_object(object)?;
        self.remove_slice(object);
        let Some(service) = object.head.labels.get(slice::SERVICE_LABEL) else { return Ok(()) };
        let owner = Name { namespace: object.head.namespace.clone(), name: service.clone() };
        self.index(&owner, &slice.addresses());
        self.owners.insert(object.key(), owner.clone());
        self.slices.entry(owner).or_default().insert(object.head.name.clone(), slice);
        Ok(())
    }

    pub fn remove_slice(&mut self, object: &Object) {
        let Some(owner) = self.owners.remove(&object.key()) else { return };
        let Some(slices) = self.slices.get_mut(&owner) else { return };
        let old = slices.remove(&object.head.name);
        if slices.is_empty() {
            self.slices.remove(&owner);
        }
        if let Some(old) = old {
            self.unindex(&owner, &old.addresses());
        }
    }

    pub fn services(&self) -> impl Iterator<Item = (&Name, &Service)> {
        self.services.iter()
    }

    pub fn service(&self, name: &Name) -> Option<&Service> {
        self.services.get(name)
    }

    pub fn slices(&self, of: &Name) -> impl Iterator<Item = &Slice> {
        self.slices.get(of).into_iter().flat_map(BTreeMap::values)
    }

    /// Whether any Service is in the namespace.
    pub fn has_namespace(&self, namespace: &str) -> bool {
        let from = Name { namespace: namespace.to_owned(), name: String::new() };
        self.services.range(from..).next().is_some_and(|(name, _)| name.namespace == namespace)
    }

    /// Services that have this address as theirs or as an endpoint's, in order.
    pub fn at(&self, address: IpAddr) -> impl Iterator<Item = (&Name, &Service)> {
        let names = self.addresses.get(&address).into_iter().flatten();
        names.filter_map(|name| self.services.get_key_value(name))
    }

    fn index(&mut self, name: &Name, addresses: &[IpAddr]) {
        for address in addresses {
            let names = self.addresses.entry(*address).or_default();
            names.push(name.clone());
            names.sort();
        }
    }

    /// Undoes one [`index`]: a name stands there once for every Service or slice that has the address.
    ///
    /// [`index`]: Self::index
    fn unindex(&mut self, name: &Name, addresses: &[IpAddr]) {
        for address in addresses {
            let Some(names) = self.addresses.get_mut(address) else { continue };
            if let Some(at) = names.iter().position(|known| known == name) {
                names.remove(at);
            }
            if names.is_empty() {
                self.addresses.remove(address);
            }
        }
    }
}

impl Name {
    fn of(object: &Object) -> Self {
        Self { namespace: object.head.namespace.clone(), name: object.head.name.clone() }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}
