//! What lies around pods: Services, namespaces, volumes.

use super::{Scene, is_true};
use crate::api::{SERVED, key};
use apimachinery::Object;
use apimachinery::selector::label::LabelSelector;
use kinds::resources::{
    CONFIG_MAPS, ENDPOINT_SLICES, ENDPOINTS, NAMESPACES, PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES,
    SERVICE_ACCOUNTS, SERVICES,
};
use std::collections::BTreeSet;

impl Scene<'_> {
    pub(super) fn services(&mut self) {
        for (object, service) in self.list(&SERVICES) {
            let selector = serde_json::json!({"matchLabels": service["spec"]["selector"]});
            let Ok(selector) = LabelSelector::from_value(&selector) else { continue };
            let ready: BTreeSet<String> = self
                .pods
                .iter()
                .filter(|(pod, value)| {
                    pod.head.namespace == object.head.namespace
                        && selector.matches(&pod.head.labels)
                        && is_true(value, "Ready")
                })
                .filter_map(|(_, value)| Some(value["status"]["podIP"].as_str()?.to_owned()))
                .collect();
            let told = self.told_by_slices(&object);
            if told != ready {
                self.say(&SERVICES, &object, format!("slices say {told:?}, ready are {ready:?}"));
            }
            let endpoints = self.world.ctx.api.get(&ENDPOINTS, &object.head.namespace, &object.head.name);
            let endpoints = endpoints.map(|endpoints| endpoints.to_value()).unwrap_or_default();
            let subsets = endpoints["subsets"].as_array().into_iter().flatten();
            let addresses = subsets.flat_map(|subset| subset["addresses"].as_array().into_iter().flatten());
            let told: BTreeSet<String> =
                addresses.filter_map(|address| Some(address["ip"].as_str()?.to_owned())).collect();
            if told != ready {
                self.say(&SERVICES, &object, format!("endpoints say {told:?}, ready are {ready:?}"));
            }
        }
    }

    fn told_by_slices(&self, service: &Object) -> BTreeSet<String> {
        let slices = self.world.ctx.api.list(&ENDPOINT_SLICES, &service.head.namespace);
        let own = slices
            .iter()
            .filter(|slice| slice.head.labels.get("kubernetes.io/service-name") == Some(&service.head.name));
        let endpoints = own.flat_map(|slice| slice.to_value()["endpoints"].as_array().cloned().unwrap_or_default());
        let ready = endpoints.filter(|endpoint| endpoint["conditions"]["ready"] == true);
        ready.filter_map(|endpoint| Some(endpoint["addresses"][0].as_str()?.to_owned())).collect()
    }

    pub(super) fn namespaces(&mut self) {
        for (object, _) in self.list(&NAMESPACES) {
            let name = &object.head.name;
            if !self.world.ctx.api.shelf(&SERVICE_ACCOUNTS).contains_key(&key(name, "default")) {
                self.say(&NAMESPACES, &object, "has no default service account");
            }
            if !self.world.ctx.api.shelf(&CONFIG_MAPS).contains_key(&key(name, "kube-root-ca.crt")) {
                self.say(&NAMESPACES, &object, "has no root certificate");
            }
        }
        for of in SERVED {
            for object in self.world.ctx.api.list(of, "") {
                let home = &object.head.namespace;
                if !home.is_empty() && !self.world.ctx.api.shelf(&NAMESPACES).contains_key(home) {
                    self.say(of, &object, "its namespace is gone");
                }
            }
        }
    }

    pub(super) fn volumes(&mut self) {
        for (object, volume) in self.list(&PERSISTENT_VOLUMES) {
            let reference = &volume["spec"]["claimRef"];
            let text = |field: &str| reference[field].as_str().unwrap_or_default();
            let claim = self.world.ctx.api.get(&PERSISTENT_VOLUME_CLAIMS, text("namespace"), text("name"));
            let is_mutual = claim.is_ok_and(|claim| {
                claim.head.uid == text("uid") && claim.to_value()["spec"]["volumeName"] == *object.head.name
            });
            if !is_mutual || volume["status"]["phase"] != "Bound" {
                self.say(&PERSISTENT_VOLUMES, &object, format!("its claim {reference} is not bound to it"));
            }
        }
        for (object, claim) in self.list(&PERSISTENT_VOLUME_CLAIMS) {
            let is_bound = claim["status"]["phase"] == "Bound";
            let names_one = claim["spec"]["volumeName"].is_string();
            if is_bound != names_one {
                self.say(&PERSISTENT_VOLUME_CLAIMS, &object, format!("is {}", claim["status"]["phase"]));
            }
        }
    }
}
