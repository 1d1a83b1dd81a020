#!/bin/bash
# What `cargo xtask vm` runs inside the machine it boots, once before a reboot and once after it. Each line that begins
# with `ok` or `FAIL` is one check; the last line is read by the chore.
export HOME=/root KUBECONFIG=/etc/barque/admin.conf
STATE=/var/tmp/check
mkdir -p $STATE
GROUPS_OF=/sys/fs/cgroup/barque

check() { # NAME COMMAND...
    local name=$1 text
    shift
    if text=$("$@" 2>&1); then echo "ok   $name"; echo x >> $STATE/passed
    else echo "FAIL $name"; sed 's/^/     /' <<< "$text" | tail -n 15; echo x >> $STATE/failed; fi
}
same() { [ "$1" = "$2" ] || { echo "wanted: $2"; echo "found:  $1"; return 1; }; }
until_ok() { # SECONDS COMMAND...
    local end=$((SECONDS + $1))
    shift
    until "$@"; do [ $SECONDS -lt $end ] || return 1; sleep 1; done
}
is_ready() { kubectl get nodes 2>/dev/null | grep -q ' Ready'; }
pod() { kubectl get pod "$1" -o "jsonpath={$2}"; }
uid() { pod "$1" .metadata.uid; }
group() { # FILE of pod web's container
    cat $GROUPS_OF/burstable/pod"$(uid web)"/c.0/"$1"
}
containers() {
    kubectl get pods web plain -o 'jsonpath={range .items[*]}{.status.containerStatuses[0].containerID} {.status.containerStatuses[0].restartCount} {.status.podIP};{end}'
}
end_is() { # POD REASON CODE
    until_ok 30 test -n "$(pod "$1" '.status.containerStatuses[0].state.terminated.reason')" -o "$(pod "$1" .status.phase)" = Failed
    same "$(pod "$1" '.status.containerStatuses[0].state.terminated.reason') $(pod "$1" '.status.containerStatuses[0].state.terminated.exitCode')" "$2 $3"
}
in_pod() { kubectl exec "$1" -- sh -c "$2"; }
http() { curl --silent --show-error --max-time 10 "$1"; }

# A docker archive with one layer: busybox.
make_image() (
    mkdir -p $STATE/image/layer/bin && cd $STATE/image || exit
    cp /bin/busybox layer/bin/
    for name in $(busybox --list); do [ "$name" = busybox ] || ln -sf busybox "layer/bin/$name"; done
    mkdir -p layer/tmp layer/etc layer/root
    tar -C layer -cf layer.tar .
    printf '{"architecture":"amd64","os":"linux","config":{"Env":["PATH=/bin"]},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
        "$(sha256sum layer.tar | cut -d' ' -f1)" > config.json
    echo '[{"Config":"config.json","RepoTags":["busybox:1"],"Layers":["layer.tar"]}]' > manifest.json
    tar -cf ../busybox.tar config.json manifest.json layer.tar
)

manifests() {
    cat <<'Y'
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  volumes: [{name: memory, emptyDir: {medium: Memory, sizeLimit: 16Mi}}]
  containers:
  - name: c
    image: busybox:1
    command: [sh, -c, "echo hello; mkdir /w; echo served > /w/index.html; trap 'exit 0' TERM; httpd -p 8080 -h /w; while :; do sleep 1; done"]
    volumeMounts: [{name: memory, mountPath: /memory}]
    resources: {requests: {cpu: 250m, memory: 32Mi}, limits: {cpu: 500m, memory: 64Mi}}
    readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 2}
    livenessProbe: {exec: {command: ["true"]}, periodSeconds: 3}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: NodePort, selector: {app: web}, ports: [{port: 80, targetPort: 8080, nodePort: 30080}]}
---
apiVersion: v1
kind: Pod
metadata: {name: plain}
spec:
  dnsPolicy: Default
  containers:
  - name: c
    image: busybox:1
    command: [sleep, "100000"]
    securityContext: {allowPrivilegeEscalation: false, seccompProfile: {type: RuntimeDefault}}
---
apiVersion: v1
kind: Pod
metadata: {name: ill}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: c
    image: busybox:1
    command: [sleep, "100000"]
    livenessProbe: {exec: {command: ["false"]}, periodSeconds: 1, failureThreshold: 1}
---
apiVersion: v1
kind: Pod
metadata: {name: hungry}
spec:
  restartPolicy: Never
  containers:
  - name: c
    image: busybox:1
    command: [sh, -c, "sleep 1; tail /dev/zero; echo survived"]
    resources: {limits: {memory: 24Mi}}
Y
}

before() {
    check "the unit is well formed" systemd-analyze verify /etc/systemd/system/barque.service
    check "this is cgroup version 2" grep -q . /sys/fs/cgroup/cgroup.controllers
    dd if=/dev/zero of=/swap bs=1M count=256 status=none && chmod 600 /swap && mkswap -q /swap && swapon /swap
    check "systemctl enable --now" systemctl enable --now barque
    check "the node is Ready" until_ok 60 is_ready
    check "an image" eval "make_image && barque image import $STATE/busybox.tar --tag busybox:1"
    manifests | kubectl apply -f -
    check "pods are Ready" kubectl wait --for=condition=Ready pod/web pod/plain --timeout=60s
    check "memory.max" same "$(group memory.max)" 67108864
    check "memory.swap.max" same "$(group memory.swap.max)" 0
    check "memory.oom.group" same "$(group memory.oom.group)" 1
    check "cpu.max" same "$(group cpu.max)" "50000 100000"
    check "cpu.weight of container and pod" same "$(group cpu.weight) $(group ../cpu.weight)" "35 35"
    check "pids.max" same "$(group pids.max)" max
    check "a container sees its own cgroup, read-only" same "$(in_pod web 'cat /proc/self/cgroup; echo 1 > /sys/fs/cgroup/memory.max || echo no' 2>/dev/null | tr '\n' ' ')" "0::/ no "
    check "logs" same "$(kubectl logs web)" hello
    check "emptyDir in memory has its size" same "$(in_pod web 'df -m /memory | tail -n 1 | tr -s " " | cut -d" " -f2')" 16
    check "seccomp and no_new_privs" same "$(in_pod plain 'grep -E "^(NoNewPrivs|Seccomp):" /proc/self/status | tr -d "\t\n"')" "NoNewPrivs:1Seccomp:2"
    check "memory gone, whole container gone" end_is hungry OOMKilled 137
    check "it was not swapped but killed" same "$(kubectl logs hungry)" ""
    check "a failing probe restarts" until_ok 30 eval 'kubectl get pod ill --no-headers | tr -s " " | cut -d" " -f4 | grep -q "[1-9]"'
    check "DNS of the cluster" in_pod web 'nslookup web.default.svc.cluster.local | grep -q "^Name:"'
    check "dnsPolicy Default: servers behind systemd-resolved's stub" same "$(in_pod plain 'grep ^nameserver /etc/resolv.conf')" "nameserver 10.0.42.254"
    check "NodePort" same "$(http http://10.0.42.1:30080/)" served
    check "NodePort on loopback" same "$(http http://127.0.0.1:30080/)" served
    check "a pod reaches itself by its Service" same "$(in_pod web "printf 'GET / HTTP/1.0\r\n\r\n' | nc -w 5 $(kubectl get service web -o 'jsonpath={.spec.clusterIP}') 80 | tail -n 1")" served
    in_pod web 'dd if=/dev/zero of=/memory/f bs=1M count=10 2>/dev/null; timeout 5 sh -c "while :; do :; done"' 2>/dev/null &
    sleep 3
    check "kubectl top" eval 'kubectl top pod web --no-headers | tr -s " " | grep -E "^web [1-9][0-9]+m 1[0-9]Mi"'
    wait
    in_pod web 'rm /memory/f'

    containers > $STATE/containers
    survives() { until_ok 60 is_ready && sleep 3 && same "$(containers)" "$(cat $STATE/containers)" && same "$(http http://10.0.42.1:30080/)" served; }
    check "systemctl restart: the same containers" eval 'systemctl restart barque && survives'
    check "kill -9: the same containers" eval 'kill -9 $(systemctl show --property=MainPID --value barque) && sleep 3 && survives'
    systemctl stop barque; systemctl daemon-reload; systemctl daemon-reexec
    check "stopped, and systemd loaded anew: limits stay" same "$(cat $GROUPS_OF/burstable/pod*/c.0/memory.max)" 67108864
    check "started again: the same containers" eval 'systemctl start barque && survives'
    check "/run without programs" eval 'mount -o remount,noexec /run && systemctl restart barque && until_ok 60 is_ready && in_pod plain true; mount -o remount,exec /run'
    nft add table inet firewalld
    nft add chain inet firewalld filter_INPUT '{ type filter hook input priority filter + 10; policy accept; }'
    check "a firewall in the way is told" eval 'systemctl restart barque; until_ok 30 eval "barque status | grep firewall-cmd"'
    nft delete table inet firewalld
    swapoff /swap
    kubectl delete pod ill hungry --now
    date +%s > $STATE/went-down
    echo after > $STATE/stage
    systemctl reboot --no-block
}

after() {
    # systemd's own patience with processes that do not end is 90 s.
    down=$(($(date +%s) - $(cat $STATE/went-down) - $(cut -d. -f1 /proc/uptime)))
    check "the machine was down in $down s, below 60" test "$down" -lt 60
    check "barque ended the containers" eval 'journalctl --boot=-1 --unit=barque | grep "the machine goes down"'
    check "the node is Ready" until_ok 60 is_ready
    check "pods are back" eval 'sleep 5; kubectl wait --for=condition=Ready pod/web pod/plain --timeout=60s'
    check "NodePort" until_ok 20 eval 'same "$(http http://10.0.42.1:30080/)" served'
    check "no unit has failed" same "$(systemctl --failed --no-legend | grep -v check.service)" ""
    check "reset" eval 'systemctl disable --now barque && barque reset --yes'
    check "nothing is left" same "$(ls -d $GROUPS_OF /var/lib/barque /run/barque /etc/barque 2>/dev/null; grep barque /proc/mounts; ip -o link | grep -E 'barque|veth[0-9a-f]'; nft list tables; pgrep -a 'barque|httpd')" ""
    echo "== $(wc -l < $STATE/passed) passed, $(cat $STATE/failed 2>/dev/null | wc -l) failed"
    systemctl poweroff --no-block
}

echo "== $(sed -n 's/^PRETTY_NAME=//p' /etc/os-release), $(uname -r), $(systemctl --version | head -n 1)"
$(cat $STATE/stage 2>/dev/null || echo before)
