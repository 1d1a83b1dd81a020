//! Life and inside of containers.

use crate::place::{self, run, until};
use runtime::{ContainerState, Error, ExecSpec, Mount, Resources, Seccomp};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

pub fn runs_and_tells_its_exit() {
    place::with(async |place| {
        let image = place.busybox().await;
        let pod = place.pod().await;
        let mut events = place.runtime.events();
        let key = run(&pod, place.container(&image, "a", "echo out; echo err >&2; printf half; exit 3")).await;
        let status = pod.wait(&key).await.unwrap();
        let exit = status.exit.unwrap();
        assert_eq!((exit.code, exit.signal, exit.reason()), (3, None, "Error"));
        assert_eq!(status.state, ContainerState::Exited);
        let mut log = place.log("a");
        log.sort();
        assert_eq!(log, ["stderr F err", "stdout F out", "stdout P half"]);
        let runtime::Event::ContainerExited { pod_uid, status } = events.recv().await.unwrap() else { panic!() };
        assert_eq!((pod_uid.as_str(), status.key), (pod.spec().uid.as_str(), key.clone()));
        pod.remove_container(&key).await.unwrap();
        assert!(pod.container(&key).is_none());
        pod.remove().await.unwrap();
        assert!(place.runtime.list().is_empty());
    });
}

pub fn stops_with_grace_and_kills() {
    place::with(async |place| {
        let image = place.busybox().await;
        let pod = place.pod().await;
        let polite = run(
            &pod,
            place.container(&image, "polite", "trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 0.01; done"),
        )
        .await;
        until("the trap", || place.log("polite").contains(&"stdout F up".into())).await;
        let status = pod.stop(&polite, Duration::from_secs(10)).await.unwrap();
        assert_eq!(status.exit.unwrap().code, 7);
        assert!(place.log("polite").contains(&"stdout F bye".into()));
        let deaf = run(&pod, place.container(&image, "deaf", "trap '' TERM; echo up; while :; do sleep 1; done")).await;
        until("the trap", || place.log("deaf").contains(&"stdout F up".into())).await;
        let exit = pod.stop(&deaf, Duration::from_millis(100)).await.unwrap().exit.unwrap();
        assert_eq!((exit.code, exit.signal), (137, Some(9)));
    });
}

pub fn commands_that_cannot_run() {
    place::with(async |place| {
        let image = place.busybox().await;
        let pod = place.pod().await;
        let cases = [
            ("nothere", "exec: \"nothere\": executable file not found in $PATH"),
            ("/no/such", "exec: \"/no/such\": stat /no/such: no such file or directory"),
            ("/not-executable", "exec: \"/not-executable\": permission denied"),
            ("/tmp", "exec: \"/tmp\": is a directory"),
            ("/script-without-interpreter", "exec /script-without-interpreter: exec format error"),
        ];
        for (at, (command, expected)) in cases.iter().enumerate() {
            let mut spec = place.container(&image, "bad", "");
            spec.attempt = at as u32;
            spec.command = vec![command.to_string()];
            let key = pod.create_container(spec).await.unwrap();
            let Err(Error::StartContainer { message, exit_code }) = pod.start(&key).await else {
                panic!("{command} ran")
            };
            assert!(message.contains(expected), "{message}");
            assert_eq!(exit_code, 128);
            let exit = pod.wait(&key).await.unwrap().exit.unwrap();
            assert_eq!((exit.code, exit.reason()), (128, "StartError"), "{exit:?}");
        }
        // As his manifests have it: relative to the working folder.
        let mut relative = place.container(&image, "relative", "");
        relative.command = ["bin/sh", "-c", "echo fine"].map(String::from).to_vec();
        let key = run(&pod, relative).await;
        assert_eq!(pod.wait(&key).await.unwrap().exit.unwrap().code, 0);
        // Errors before there is a process.
        let mut user = place.container(&image, "user", "true");
        user.security.run_as_non_root = true;
        let error = pod.create_container(user.clone()).await.unwrap_err();
        assert!(
            error.to_string().starts_with("container has runAsNonRoot and image will run as root (pod: \"pod_default("),
            "{error}"
        );
        assert_eq!(error.reason(), "CreateContainerConfigError");
        user.security.run_as_non_root = false;
        user.security.capabilities.add = vec!["FLY".into()];
        assert!(
            pod.create_container(user.clone())
                .await
                .unwrap_err()
                .to_string()
                .contains("unknown capability \"CAP_FLY\"")
        );
        user.security.capabilities.add.clear();
        user.mounts.push(Mount { destination: "/x".into(), source: "/no/such/place".into(), ..Default::default() });
        let error = pod.create_container(user.clone()).await.unwrap_err();
        assert!(error.to_string().contains("stat /no/such/place: no such file or directory"), "{error}");
        user.mounts.clear();
        assert!(pod.create_container(user).await.is_ok(), "failures leave nothing in the way");
    });
}

pub fn exec_and_attach() {
    place::with(async |place| {
        let image = place.busybox().await;
        let pod = place.pod().await;
        let mut spec = place.container(&image, "main", "echo ready; cat; echo end of input");
        spec.stdin = true;
        spec.stdin_once = true;
        let key = run(&pod, spec).await;
        until("output", || place.log("main").contains(&"stdout F ready".into())).await;

        let sync = |script: &str| ["sh", "-c", script].map(String::from).to_vec();
        let result = pod
            .exec_sync(&key, &sync("echo $FROM_IMAGE; echo oops >&2; exit 5"), Duration::from_secs(5))
            .await
            .unwrap();
        assert_eq!(result.exit_code, 5);
        assert_eq!(
            String::from_utf8(result.output).unwrap().lines().collect::<std::collections::BTreeSet<_>>(),
            ["oops", "yes"].into()
        );

        let started = Instant::now();
        let slow = pod.exec_sync(&key, &sync("sleep 100"), Duration::from_millis(200)).await;
        assert!(matches!(slow, Err(Error::ExecTimeout { .. })) && started.elapsed() < Duration::from_secs(3));

        let started = Instant::now();
        let noisy = pod.exec_sync(&key, &sync("yes & echo done >&2; exit 3"), Duration::from_secs(20)).await.unwrap();
        assert!(noisy.exit_code == 3 && started.elapsed() < Duration::from_secs(10), "after {:?}", started.elapsed());

        let missing = pod.exec_sync(&key, &["nope".into()], Duration::from_secs(5)).await.unwrap_err();
        assert!(
            missing.to_string().contains("exec: \"nope\": executable file not found in $PATH: unknown"),
            "{missing}"
        );

        // Half-close: the process sees the end of its input and answers afterwards.
        let spec = ExecSpec { command: sync("wc -c"), stdin: true, stdout: true, stderr: true, tty: false };
        let mut streams = pod.exec(&key, spec).await.unwrap();
        let mut stdin = streams.stdin.take().unwrap();
        stdin.write_all(&[b'x'; 100_000]).await.unwrap();
        drop(stdin);
        let mut text = String::new();
        streams.stdout.take().unwrap().read_to_string(&mut text).await.unwrap();
        assert_eq!((text.trim(), streams.control.wait().await.unwrap()), ("100000", 0));

        // Dropping a session kills its process.
        let spec = ExecSpec { command: sync("sleep 4711"), stdout: true, ..Default::default() };
        let dropped = pod.exec(&key, spec).await.unwrap();
        let seen = || {
            let ps = std::process::Command::new("ps").args(["-eo", "args"]).output().unwrap();
            String::from_utf8_lossy(&ps.stdout).lines().any(|l| l == "sleep 4711")
        };
        until("the process", seen).await;
        drop(dropped);
        until("its end", || !seen()).await;

        let mut attached = pod.attach(&key).await.unwrap();
        let mut input = attached.stdin.take().unwrap();
        input.write_all(b"hello\n").await.unwrap();
        drop(input);
        let mut text = String::new();
        attached.stdout.take().unwrap().read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "hello\nend of input\n");
        assert_eq!(attached.control.wait().await.unwrap(), 0);
        assert_eq!(place.log("main"), ["stdout F ready", "stdout F hello", "stdout F end of input"]);
        let after = pod.exec_sync(&key, &sync("true"), Duration::from_secs(5)).await;
        assert!(matches!(after, Err(Error::NotRunning { .. })));
    });
}

pub fn terminals() {
    place::with(async |place| {
        let image = place.busybox().await;
        let pod = place.pod().await;
        let mut spec = place.container(&image, "t", "tty; while read line; do echo got $line; done");
        (spec.tty, spec.stdin) = (true, true);
        let key = run(&pod, spec).await;
        until("the terminal", || place.log("t").iter().any(|l| l.contains("/dev/pts/0"))).await;
        let mut attached = pod.attach(&key).await.unwrap();
        attached.stdin.as_mut().unwrap().write_all(b"abc\n").await.unwrap();
        until("the answer", || place.log("t").iter().any(|l| l.contains("got abc"))).await;
        drop(attached);

        let command = ["sh", "-c", "tty; read x; stty size; exit 4"].map(String::from).to_vec();
        let mut streams =
            pod.exec(&key, ExecSpec { command, tty: true, stdin: true, stdout: true, stderr: false }).await.unwrap();
        let mut out = streams.stdout.take().unwrap();
        let mut text = String::new();
        let mut buffer = [0; 256];
        while !text.contains("\r\n") {
            let count = out.read(&mut buffer).await.unwrap();
            assert!(count > 0, "{text}");
            text.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
        assert!(text.starts_with("/dev/pts/"), "{text}");
        streams.control.resize(120, 33).unwrap();
        streams.stdin.as_mut().unwrap().write_all(b"go\n").await.unwrap();
        out.read_to_string(&mut text).await.unwrap();
        assert!(text.contains("33 120"), "{text}");
        assert_eq!(streams.control.wait().await.unwrap(), 4);
    });
}

pub fn identity_and_isolation() {
    place::with(async |place| {
        let image = place.busybox().await;
        let pod = place.pod().await;
        let script = "id; cat /proc/self/status | head -60; hostname; echo pid $$; touch /forbidden; mkdir /sys/fs/cgroup/x; \
                      mount -t tmpfs x /tmp; pwd; ls /dev; echo home $HOME";
        let mut spec = place.container(&image, "a", script);
        spec.working_dir = "/made/here".into();
        spec.security.run_as_user = Some(33);
        spec.security.supplemental_groups = vec![2000];
        spec.security.no_new_privileges = true;
        spec.security.read_only_root = true;
        spec.security.seccomp = Seccomp::RuntimeDefault;
        spec.security.capabilities.drop = vec!["ALL".into()];
        spec.oom_score_adj = 500;
        // The folder must exist: the root is read-only.
        spec.working_dir = "/tmp".into();
        let key = run(&pod, spec).await;
        pod.wait(&key).await.unwrap();
        let log = place.log("a").join("\n");
        let has = |text: &str| assert!(log.contains(text), "no {text:?} in\n{log}");
        has("uid=33(web) gid=33(web) groups=33(web),44(extra),2000");
        has("NoNewPrivs:\t1");
        has("Seccomp:\t2");
        has("CapEff:\t0000000000000000");
        has("CapBnd:\t0000000000000000");
        has("stdout F pod-host");
        has("pid 1");
        has("touch: /forbidden: Read-only file system");
        has("stdout F /tmp");
        has("home /var/www");
        has("F urandom");
        assert!(!log.contains("F sda") && !log.contains("F kmsg"));

        let mut spec = place.container(
            &image,
            "b",
            "head -60 /proc/self/status; mount; mknod /tmp/null c 1 3; pwd; echo home $HOME",
        );
        spec.working_dir = "/made/here".into();
        let key = run(&pod, spec).await;
        pod.wait(&key).await.unwrap();
        let log = place.log("b").join("\n");
        let has = |text: &str| assert!(log.contains(text), "no {text:?} in\n{log}");
        has("CapEff:\t00000000a80425fb");
        has("Seccomp:\t0");
        has("overlay on / type overlay");
        has("stdout F /made/here");
        has("home /root");
        let exec = pod.exec_sync(&key, &["true".into()], Duration::from_secs(1)).await;
        assert!(matches!(exec, Err(Error::NotRunning { .. })));
    });
}

pub fn mounts_and_shared_namespaces() {
    place::with(async |place| {
        let image = place.busybox().await;
        let shared = place.config.data_dir.join("volume");
        std::fs::create_dir_all(&shared).unwrap();
        std::fs::write(place.config.data_dir.join("hosts"), "1.2.3.4 name\n").unwrap();
        let mut wanted = place.pod_spec("aaaa");
        wanted.netns = place.network();
        wanted.pid = runtime::PidMode::Pod;
        wanted.sysctls = vec![("net.ipv4.ip_unprivileged_port_start".into(), "0".into())];
        let pod = place.runtime.sandbox(wanted).await.unwrap();
        let mut one = place.container(
            &image,
            "one",
            "echo from one > /vol/x; echo shm > /dev/shm/y; nc -l -p 8080 -e /bin/cat & sleep 1000",
        );
        let mount = |destination: &str, source: &std::path::Path, read_only| Mount {
            destination: destination.into(),
            source: source.into(),
            read_only,
            ..Default::default()
        };
        one.mounts =
            vec![mount("/vol", &shared, false), mount("/etc/hosts", &place.config.data_dir.join("hosts"), true)];
        let one = run(&pod, one).await;
        until("the file", || shared.join("x").exists()).await;
        let mut two = place.container(
            &image,
            "two",
            "cat /vol/x /dev/shm/y /etc/hosts /proc/sys/net/ipv4/ip_unprivileged_port_start; touch /vol/z; ps; hostname",
        );
        two.mounts =
            vec![mount("/vol", &shared, true), mount("/etc/hosts", &place.config.data_dir.join("hosts"), true)];
        let two = run(&pod, two).await;
        pod.wait(&two).await.unwrap();
        let log = place.log("two").join("\n");
        for text in [
            "from one",
            "F shm",
            "1.2.3.4 name",
            "stdout F 0",
            "/vol/z: Read-only file system",
            "sleep 1000",
            "pod-host",
        ] {
            assert!(log.contains(text), "no {text:?} in\n{log}");
        }
        // Port-forward's way into the pod.
        let mut stream = loop {
            match pod.dial(8080).await {
                Ok(stream) => break stream,
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        };
        stream.write_all(b"ping").await.unwrap();
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"ping");
        // In a shared PID namespace nothing may stay behind.
        pod.stop(&one, Duration::ZERO).await.unwrap();
        pod.remove().await.unwrap();
    });
}

pub fn limits_and_stats() {
    place::with(async |place| {
        let image = place.busybox().await;
        let pod = place.pod().await;
        let mut spec = place.container(&image, "hog", "echo up; x=$(yes | head -c 200000000); echo $?");
        spec.resources = Resources {
            memory_limit: Some(16 << 20),
            cpu_quota_us: Some(50_000),
            cpu_shares: Some(100),
            pids_limit: Some(50),
            ..Default::default()
        };
        let key = run(&pod, spec).await;
        let exit = pod.wait(&key).await.unwrap().exit.unwrap();
        assert!(exit.oom_killed && exit.reason() == "OOMKilled", "{exit:?} {:?}", place.log("hog"));
        let key = run(
            &pod,
            place.container(&image, "idle", "x=1; while [ $x -lt 20000 ]; do x=$((x+1)); done; echo done; sleep 1000"),
        )
        .await;
        until("work", || place.log("idle").contains(&"stdout F done".into())).await;
        let stats = pod.stats().unwrap();
        assert_eq!(stats.containers.len(), 1);
        let usage = stats.containers[0].1;
        assert!(usage.cpu_ns > 1_000_000 && usage.memory_working_set > 100_000 && usage.pids >= 1, "{usage:?}");
        assert!(stats.pod.cpu_ns >= usage.cpu_ns);
        pod.update_resources(&key, Resources { memory_limit: Some(64 << 20), ..Default::default() }).await.unwrap();
        assert_eq!(pod.stats().unwrap().containers[0].1.memory_limit, 64 << 20);
    });
}

pub fn logs_follow_and_tail() {
    place::with(async |place| {
        let image = place.busybox().await;
        let pod = place.pod().await;
        let key = run(
            &pod,
            place.container(
                &image,
                "a",
                "i=0; while [ $i -lt 10000 ]; do echo line $i; i=$((i+1)); done; echo err >&2; sleep 0.3; echo late",
            ),
        )
        .await;
        let options = runtime::logs::LogOptions { follow: true, ..Default::default() };
        let mut stream = pod.logs(&key, options.clone()).await.unwrap();
        let mut all = Vec::new();
        while let Some(chunk) = stream.recv().await {
            all.extend_from_slice(&chunk.unwrap());
        }
        // Rotation took place in between; nothing is missing or double.
        let text = String::from_utf8(all).unwrap();
        let mut expected: Vec<String> = (0..10000).map(|i| format!("line {i}")).collect();
        expected.push("late".into());
        // Two pipes: where the one line of stderr falls among those of stdout is nobody's promise.
        let (errors, lines): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| *line == "err");
        assert_eq!(errors.len(), 1);
        assert!(lines.iter().eq(expected.iter()), "{} lines", lines.len());
        let read = async |options: runtime::logs::LogOptions| {
            let mut stream = pod.logs(&key, options).await.unwrap();
            let mut all = Vec::new();
            while let Some(chunk) = stream.recv().await {
                all.extend_from_slice(&chunk.unwrap());
            }
            String::from_utf8(all).unwrap()
        };
        let none = runtime::logs::LogOptions::default;
        let last = read(runtime::logs::LogOptions { tail: Some(2), ..none() }).await;
        assert!(last.lines().count() == 2 && last.ends_with("\nlate\n"), "{last}");
        assert_eq!(read(runtime::logs::LogOptions { tail: Some(0), ..none() }).await, "");
        assert_eq!(read(runtime::logs::LogOptions { stream: Some("stderr"), ..none() }).await, "err\n");
        assert_eq!(read(runtime::logs::LogOptions { limit_bytes: Some(8), ..none() }).await, "line 0\nl");
        let stamped = read(runtime::logs::LogOptions { tail: Some(1), timestamps: true, ..none() }).await;
        let (time, line) = stamped.split_once(' ').unwrap();
        let time: jiff::Timestamp = time.parse().unwrap();
        assert_eq!(line, "late\n");
        assert_eq!(read(runtime::logs::LogOptions { since: Some(time), ..none() }).await, "late\n");
    });
}

pub fn timings_and_memory() {
    place::with(async |place| {
        let image = place.busybox().await;
        let started = Instant::now();
        let pod = place.pod().await;
        println!("    sandbox {:?}", started.elapsed());
        let (mut create, mut start, mut exec, mut remove) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for attempt in 0..10 {
            let mut spec = place.container(&image, "t", "sleep 1000");
            spec.attempt = attempt;
            spec.security.seccomp = Seccomp::RuntimeDefault;
            let at = Instant::now();
            let key = pod.create_container(spec).await.unwrap();
            create.push(at.elapsed());
            let at = Instant::now();
            pod.start(&key).await.unwrap();
            start.push(at.elapsed());
            let at = Instant::now();
            pod.exec_sync(&key, &["true".into()], Duration::from_secs(5)).await.unwrap();
            exec.push(at.elapsed());
            let at = Instant::now();
            pod.remove_container(&key).await.unwrap();
            remove.push(at.elapsed());
        }
        for (name, mut times) in [("create", create), ("start", start), ("exec", exec), ("kill+remove", remove)] {
            times.sort();
            println!("    {name}: min {:?} median {:?}", times[0], times[times.len() / 2]);
        }
        let read = || std::fs::read_to_string(format!("/proc/{}/status", pod.shim_pid())).unwrap();
        let rss = |status: &str| -> u64 {
            let line = status.lines().find(|l| l.starts_with("VmRSS")).unwrap();
            line.split_whitespace().nth(1).unwrap().parse().unwrap()
        };
        let busy = rss(&read());
        // Once quiet it gives back what it used of the program. (This binary is large and not optimised.)
        until("less memory", || rss(&read()) < busy / 2).await;
        let status = read();
        for line in
            status.lines().filter(|l| l.starts_with("VmRSS") || l.starts_with("RssAnon") || l.starts_with("Threads"))
        {
            println!("    shim {line}");
        }
        assert!(status.contains("Threads:\t1"));
    });
}

pub fn many_at_once() {
    place::with(async |place| {
        let image = place.busybox().await;
        let pods = (0..8).map(|n| place.runtime.sandbox(place.pod_spec(&format!("pod-{n}"))));
        let pods: Vec<_> = futures_util::future::join_all(pods).await.into_iter().map(Result::unwrap).collect();
        let lives = pods.iter().flat_map(|pod| (0..3).map(move |n| (pod, n))).map(|(pod, n)| {
            let mut spec = place.container(&image, &format!("c{n}"), &format!("exit {}", 40 + n));
            spec.log_path = None;
            async move {
                let key = run(pod, spec).await;
                assert_eq!(pod.wait(&key).await.unwrap().exit.unwrap().code, 40 + n);
            }
        });
        futures_util::future::join_all(lives).await;
        let key = run(&pods[0], place.container(&image, "long", "sleep 1000")).await;
        let command = ["sh".to_string(), "-c".into(), "exit 6".into()];
        let execs = (0..60).map(|_| pods[0].exec_sync(&key, &command, Duration::from_secs(30)));
        for outcome in futures_util::future::join_all(execs).await {
            assert_eq!(outcome.unwrap().exit_code, 6);
        }
        // The same pod twice is one pod; two makers at once do not hurt each other.
        let (a, b) = tokio::join!(
            place.runtime.sandbox(place.pod_spec("twice")),
            place.runtime.sandbox(place.pod_spec("twice"))
        );
        assert!(a.is_ok() || b.is_ok());
        let again = place.runtime.sandbox(place.pod_spec("twice")).await.unwrap();
        assert!(again.is_alive());
        for outcome in futures_util::future::join_all(pods.iter().map(|pod| pod.remove())).await {
            outcome.unwrap();
        }
    });
}
