//! Waiting, other programs, certificates.

use super::{NOTHING, Seen, number, word};
use crate::balance::client::lines;
use crate::balance::world::World;
use std::process::Command;
use std::time::Duration;

pub fn sleep(_: &mut World, arguments: &[String]) -> Seen {
    std::thread::sleep(Duration::from_millis(number(word(arguments, 0, "how long")?)?));
    NOTHING
}

pub fn run(world: &mut World, arguments: &[String]) -> Seen {
    let output = Command::new(word(arguments, 0, "the program")?)
        .args(&arguments[1..])
        .current_dir(&world.folder)
        .output()
        .map_err(|error| format!("{}: {error}. `cargo xtask test` installs what tests need", arguments[0]))?;
    let mut seen = vec![format!("exit {}", output.status.code().unwrap_or(-1))];
    seen.extend(lines(&output.stdout));
    seen.extend(lines(&output.stderr));
    Ok(seen)
}

pub fn pem(world: &mut World, arguments: &[String]) -> Seen {
    let file = world.folder.join(word(arguments, 0, "the file")?);
    let name = word(arguments, 1, "the name")?;
    let key = world.folder.join("key.pem");
    let output = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"])
        .args(["-subj", &format!("/CN={name}"), "-addext", &format!("subjectAltName=DNS:{name}"), "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&file)
        .output()
        .map_err(|error| format!("openssl: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let both = [std::fs::read(&file), std::fs::read(&key)].into_iter().collect::<Result<Vec<_>, _>>();
    std::fs::write(&file, both.map_err(|error| error.to_string())?.concat()).map_err(|error| error.to_string())?;
    NOTHING
}
