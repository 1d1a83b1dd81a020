//! The example of `cargo xtask up --demo`: images built from Debian's packages, then `examples/demo`.

use super::{BARQUE, admin, text_of};
use crate::{Error, steps};
use std::path::Path;
use std::process::Command;
use testbed::images::{NEXTCLOUD, NGINX};

pub fn run(kubectl: &Path) -> Result<(), Error> {
    for (recipe, name) in [(&NGINX, "nginx:1.15"), (&NEXTCLOUD, "nextcloud:14.0-fpm")] {
        println!("demo: image {name}, from Debian's packages (a minute the first time)");
        let archive = recipe.archive();
        steps::run(Command::new(BARQUE).args(["image", "import", "--tag", name]).arg(archive))?;
    }
    let folder = crate::root().join("examples/demo");
    steps::run(admin(kubectl).args(["apply", "-f"]).arg(folder))?;
    steps::run(admin(kubectl).args(["rollout", "status", "deployment/nextcloud-deployment", "--timeout=120s"]))?;
    let address = r#"jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}"#;
    let node = text_of(admin(kubectl).args(["get", "nodes", "-o", address]))?;
    println!("demo: the site answers at http://{}:30080/status.php", node.trim());
    Ok(())
}
