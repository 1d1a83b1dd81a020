//! Importing, pulling, unpacking.

use crate::archive::{self, Compression, Layer};
use crate::place::{self, IMAGE};
use crate::registry::Registry;
use runtime::{Error, PullAuth};
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
        assert!(images.usage() > 0);
        images.remove("test.example/x:1").await.unwrap();
        assert!(images.list().is_empty() && !layer(0).exists());
        assert!(matches!(images.remove("test.example/x:1").await, Err(Error::ImageNotFound(_))));
        assert!(matches!(images.get("Bad Name"), Err(Error::InvalidImageName { .. })));
        // What `docker save` writes, gzipped as people keep it. Garbage collection takes it when nobody uses it.
        archive::write_docker(&path, &archive::busybox_layer(), "other.example/saved:2");
        let saved = images.import(&path, None).await.unwrap().remove(0);
        assert_eq!(saved.repo_tags, ["other.example/saved:2"]);
        assert!(images.collect_garbage(&[], 101, 100).await.unwrap().is_empty());
        assert!(images.collect_garbage(std::slice::from_ref(&saved.id), 0, 0).await.unwrap().is_empty());
        assert_eq!(images.collect_garbage(&[], 0, 0).await.unwrap().len(), 1);
        assert_eq!((images.list().len(), images.usage()), (0, 0));
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

pub fn pulls_from_a_registry() {
    place::with(async |place| {
        let folder = place.config.data_dir.join("registry");
        let registry = Registry::start(&folder, false);
        let busybox = archive::busybox();
        registry.push("library/busybox", "1", &busybox).await;
        let foreign = archive::image(&[(Layer::new().bytes(), Compression::Gzip)], serde_json::json!({}), "s390x");
        registry.push("foreign", "1", &foreign).await;
        let entry = |image: &archive::Built, architecture: &str| {
            serde_json::json!({
                "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": archive::digest(&image.manifest),
                "size": image.manifest.len(), "platform": {"os": "linux", "architecture": architecture},
            })
        };
        let index = |entries: Vec<serde_json::Value>| {
            serde_json::to_vec(&serde_json::json!({"schemaVersion": 2, "manifests": entries})).unwrap()
        };
        registry.push("both", "real", &busybox).await;
        registry.push("both", "foreign", &foreign).await;
        const INDEX: &str = "application/vnd.oci.image.index.v1+json";
        registry
            .push_manifest(
                "both",
                "1",
                &index(vec![entry(&foreign, "s390x"), entry(&busybox, archive::architecture())]),
                INDEX,
            )
            .await;
        registry.push_manifest("both", "other", &index(vec![entry(&foreign, "s390x")]), INDEX).await;

        let images = place.runtime.images();
        let auth = PullAuth::default();
        let host = &registry.host;
        // The same image by ten callers is one pull.
        let name = format!("{host}/library/busybox:1");
        let all = futures_util::future::join_all((0..10).map(|_| images.pull(&name, &auth))).await;
        let image =
            all.into_iter().map(Result::unwrap).reduce(|a, b| if a == b { a } else { panic!("{a:?} {b:?}") }).unwrap();
        assert_eq!(image.repo_tags, std::slice::from_ref(&name));
        assert_eq!(image.repo_digests, [format!("{host}/library/busybox@{}", archive::digest(&busybox.manifest))]);
        assert_eq!(images.pull(&image.repo_digests[0], &auth).await.unwrap().id, image.id);
        let pod = place.pod().await;
        let key = place::run(&pod, place.container(&image, "a", "echo from the registry")).await;
        pod.wait(&key).await.unwrap();
        assert_eq!(place.log("a"), ["stdout F from the registry"]);

        assert_eq!(images.pull(&format!("{host}/both:1"), &auth).await.unwrap().id, image.id);
        let refused = async |name: &str, expected: &str| {
            let error = images.pull(name, &auth).await.unwrap_err();
            assert_eq!(error.reason(), "ErrImagePull");
            let text = error.to_string();
            assert!(
                text.starts_with(&format!("failed to pull and unpack image \"{name}\": ")) && text.contains(expected),
                "{text}"
            );
        };
        refused(&format!("{host}/both:other"), "the image exists for linux/s390x, this node is linux/").await;
        refused(&format!("{host}/foreign:1"), "the image is for linux/s390x, this node is linux/").await;
        refused(&format!("{host}/library/busybox:2"), "busybox:2: not found (manifest unknown)").await;
        refused("127.0.0.1:1/x:1", "failed to do request to http://127.0.0.1:1: connection refused").await;

        // Damaged on its way: nothing stays.
        let other = archive::image(
            &[(Layer::new().file("x", 0o644, &[7; 50_000]).bytes(), Compression::Plain)],
            serde_json::json!({}),
            archive::architecture(),
        );
        registry.push("damaged", "1", &other).await;
        registry.damage(&folder, other.blobs.iter().max_by_key(|(_, bytes)| bytes.len()).unwrap().0);
        let before = images.list().len();
        assert!(images.pull(&format!("{host}/damaged:1"), &auth).await.is_err());
        assert_eq!(images.list().len(), before);

        // Removing the name leaves the layers to the container that uses them.
        for image in images.list() {
            images.remove(&image.id).await.unwrap();
        }
        assert!(images.usage() > 0);
        pod.remove().await.unwrap();
        assert_eq!(images.usage(), 0);
    });
}

pub fn pulls_with_password_tls_and_mirror() {
    place::with(async |place| {
        let folder = place.config.data_dir.join("registry");
        let registry = Registry::start(&folder, true);
        registry.push("library/nginx", "1.15", &archive::busybox()).await;
        let host = registry.host.clone();
        let settings = |ca: bool, insecure: bool, mirror: bool| {
            let entry = runtime::Registry {
                mirrors: if mirror { vec![format!("https://{host}")] } else { Vec::new() },
                only_mirrors: mirror,
                insecure,
                ca_file: registry.ca_file.clone().filter(|_| ca),
                ..Default::default()
            };
            let key = if mirror { "docker.io".to_string() } else { host.clone() };
            runtime::Registries([(key, entry)].into())
        };
        let auth = |password: &str| {
            use base64::Engine;
            let pair = base64::engine::general_purpose::STANDARD.encode(format!("user:{password}"));
            let json = serde_json::json!({"auths": {host.clone(): {"auth": pair}}});
            PullAuth { docker_config_json: vec![serde_json::to_vec(&json).unwrap()], docker_cfg: Vec::new() }
        };
        let open = async |registries: runtime::Registries| {
            let config = runtime::Config { registries, ..place.config.clone() };
            runtime::Runtime::open(config).await.unwrap()
        };
        let name = format!("{host}/library/nginx:1.15");
        let trusted = open(settings(true, false, false)).await;
        assert!(trusted.images().pull(&name, &auth("secret")).await.is_ok());
        for wrong in [auth("wrong"), PullAuth::default()] {
            let error = trusted.images().pull(&name, &wrong).await.unwrap_err().to_string();
            assert!(error.contains("authorization failed"), "{error}");
        }
        let careless = open(settings(false, true, false)).await;
        assert!(careless.images().pull(&name, &auth("secret")).await.is_ok());
        let distrusting = open(settings(false, false, false)).await;
        let error = distrusting.images().pull(&name, &auth("secret")).await.unwrap_err().to_string();
        assert!(
            error.contains(&format!("failed to do request to https://{host}")) && error.contains("ertificate"),
            "{error}"
        );
        // As his manifests have it: nginx:1.15, served from a mirror.
        let mirrored = open(settings(true, false, true)).await;
        let image = mirrored.images().pull("nginx:1.15", &auth("secret")).await.unwrap();
        assert_eq!(mirrored.images().get("nginx:1.15").unwrap().unwrap().id, image.id);
        assert!(image.repo_tags.contains(&"docker.io/library/nginx:1.15".to_string()), "{image:?}");
    });
}
