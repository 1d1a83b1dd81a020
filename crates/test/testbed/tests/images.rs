//! The stand-in images and the registry: built from Debian's packages, pushed, listed.

use testbed::{Host, Registry, images};

#[test]
fn the_registry_serves_every_stand_in_image() {
    let host = Host::new("images");
    let folder = testbed::Folder::new("images");
    let registry = Registry::start(&host, folder.path());
    for image in images::ALL {
        registry.push(&host, &image.recipe.reference(), image.name);
        let (repository, tag) = image.name.rsplit_once(':').expect("a name with a tag");
        let answer = registry.get(&host, &format!("/v2/{repository}/tags/list"));
        assert!(answer.contains(&format!("\"{tag}\"")), "{}: {answer}", image.name);
    }
}
