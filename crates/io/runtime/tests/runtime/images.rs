//! Importing, pulling, unpacking.

use crate::archive::{self, Compression, Layer};
use crate::place::{self, IMAGE};
use runtime::Error;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};

pub fn imports_and_removes() {
    place::with(async |place| {
        let lower = Layer::new()
            .folder("etc/", 0o755)
            .file("etc/a", 0o4755, b"a")
            .file("etc/gone", 0o644, b"g")
            .folder("dir/", 0o700)
            .file("dir/old", 0o644, b"old")
            .link(tar::EntryType::Link, "etc/hard", "etc/a")
            .link(tar::EntryType::Symlink, "abs", "/etc/a")
            .entry(tar::EntryType::Regular, "etc/owned", "", 0o600, 4711, b"o")
            .bytes();
        let upper = Layer::new()
            .file("etc/.wh.gone", 0, b"")
            .folder("dir/", 0o755)
            .file("dir/.wh..wh..opq", 0, b"")
            .file("dir/new", 0o644, b"new")
            .bytes();
        let image = archive::image(
            &[(lower, Compression::Zstd), (upper, Compression::Plain)],
            serde_json::json!({"Cmd": ["x"]}),
            archive::architecture(),
        );
        let path = place.config.data_dir.join("a.tar");
        archive::write(&path, &image, "1.0");
        let images = place.runtime.images();
        let error = images.import(&path, None).await.unwrap_err();
        assert!(error.to_string().contains("names its image only \"1.0\""), "{error}");
        let imported = images.import(&path, Some("test.example/x:1")).await.unwrap().remove(0);
        assert_eq!(imported.repo_tags, ["test.example/x:1"]);
        assert_eq!(images.get("test.example/x:1").unwrap(), Some(imported.clone()));
        let layer =
            |n: usize| place.config.data_dir.join("images/layers").join(&imported.layers[n][7..39]).join("diff");
        let meta = |n: usize, name: &str| std::fs::symlink_metadata(layer(n).join(name)).unwrap();
        assert_eq!(meta(0, "etc/a").permissions().mode() & 0o7777, 0o4755);
        assert_eq!(meta(0, "etc/a").ino(), meta(0, "etc/hard").ino());
        assert_eq!((meta(0, "etc/owned").uid(), meta(0, "etc/owned").mtime()), (4711, 1_700_000_000));
        assert!(meta(1, "etc/gone").file_type().is_char_device() && meta(1, "etc/gone").rdev() == 0);
        let opaque = std::process::Command::new("getfattr")
            .args(["-n", "trusted.overlay.opaque", "--only-values"])
            .arg(layer(1).join("dir"))
            .output();
        if let Ok(output) = opaque {
            assert_eq!(output.stdout, b"y");
        }
        // docker save's form of the same, by skopeo's rules: manifest.json, config and layers as files.
        assert!(images.usage() > 0);
        images.remove("test.example/x:1").await.unwrap();
        assert!(images.list().is_empty() && !layer(0).exists());
        assert!(matches!(images.remove("test.example/x:1").await, Err(Error::ImageNotFound(_))));
        assert!(matches!(images.get("Bad Name"), Err(Error::InvalidImageName { .. })));
        let foreign = archive::image(&[(Layer::new().bytes(), Compression::Plain)], serde_json::json!({}), "s390x");
        archive::write(&path, &foreign, IMAGE);
        let error = images.import(&path, None).await.unwrap_err();
        assert!(error.to_string().contains("the image is for linux/s390x, this node is linux/"), "{error}");
        std::fs::write(&path, "no archive").unwrap();
        assert!(images.import(&path, None).await.is_err());
    });
}

pub fn refuses_hostile_layers() {
    place::with(async |place| {
        let victim = place.config.data_dir.join("victim");
        std::fs::write(&victim, "untouched").unwrap();
        let outside = victim.parent().unwrap().to_str().unwrap().to_string();
        use tar::EntryType::{Link, Regular, Symlink};
        let cases: Vec<(&str, Layer, &str)> = vec![
            ("dots", Layer::new().file("../../victim", 0o644, b"bad"), "contains \"..\""),
            ("deep dots", Layer::new().file("a/../../../victim", 0o644, b"bad"), "contains \"..\""),
            (
                "through link",
                Layer::new().link(Symlink, "out", &outside).file("out/victim", 0o644, b"bad"),
                "not a folder inside of the image",
            ),
            (
                "through dots link",
                Layer::new().link(Symlink, "out", "../../../..").link(Symlink, "o2", "/no").file(
                    "o2/victim",
                    0o644,
                    b"bad",
                ),
                "not a folder inside of the image",
            ),
            ("hard link", Layer::new().link(Link, "h", victim.to_str().unwrap()), "which is not in this layer"),
            ("hard link dots", Layer::new().link(Link, "h", "../../victim"), "contains \"..\""),
            ("whiteout outside", Layer::new().file(".wh...", 0, b""), "names nothing inside"),
            ("whiteout dots", Layer::new().file("../.wh.victim", 0, b""), "contains \"..\""),
            ("bare whiteout", Layer::new().file("a/.wh.", 0, b""), "names nothing inside"),
            (
                "root as file",
                Layer::new().entry(Regular, "/", "", 0o644, 0, b"x"),
                "the root of an image must be a folder",
            ),
        ];
        let images = place.runtime.images();
        for (name, layer, expected) in cases {
            let image =
                archive::image(&[(layer.bytes(), Compression::Gzip)], serde_json::json!({}), archive::architecture());
            let path = place.config.data_dir.join("bad.tar");
            archive::write(&path, &image, IMAGE);
            let error = images.import(&path, None).await.expect_err(name).to_string();
            assert!(error.contains(expected) && error.starts_with("layer sha256:"), "{name}: {error}");
        }
        // A link out of the image is fine as long as nothing is written through it: it is confined when used.
        let confined = Layer::new().link(Symlink, "etc", &outside).link(Symlink, "up", "../../../../../../tmp").bytes();
        let image = archive::image(&[(confined, Compression::Plain)], serde_json::json!({}), archive::architecture());
        let path = place.config.data_dir.join("fine.tar");
        archive::write(&path, &image, IMAGE);
        images.import(&path, None).await.unwrap();
        // Damaged data.
        let mut broken = archive::busybox();
        let blob = broken.blobs.values_mut().max_by_key(|b| b.len()).unwrap();
        let middle = blob.len() / 2;
        blob[middle] ^= 1;
        archive::write(&path, &broken, IMAGE);
        assert!(images.import(&path, None).await.is_err());
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "untouched");
        assert_eq!(
            std::fs::read_dir(place.config.data_dir.join("images/tmp")).unwrap().count(),
            0,
            "nothing is left behind"
        );
    });
}

pub fn pulls_from_a_registry() {}
