# The site: enough PHP to show what his nginx.conf does with each path.
site="$ROOT"/usr/src/site
mkdir -p "$site"/core/css "$site"/data "$site"/config "$ROOT"/var/www/html
cat > "$site"/index.php <<'PHP'
<?php
header('X-Pod: ' . gethostname());
if ($_SERVER['REQUEST_METHOD'] === 'PUT') {
    $in = fopen('php://input', 'rb'); $bytes = 0; $hash = hash_init('sha256');
    while (!feof($in)) { $chunk = fread($in, 1 << 20); $bytes += strlen($chunk); hash_update($hash, $chunk); }
    echo "received $bytes ", hash_final($hash), "\n";
    exit;
}
echo "site of ", gethostname(), " path ", $_SERVER['PATH_INFO'] ?? '', "\n";
PHP
printf '<?php header("Content-Type: application/json"); echo json_encode(["installed"=>true,"version"=>"14.0.4.2"]), "\\n";' > "$site"/status.php
printf 'User-agent: *\nDisallow: /\n' > "$site"/robots.txt
printf 'body { color: teal }\n' > "$site"/core/css/style.css
printf 'secret\n' > "$site"/data/secret.txt
printf 'secret\n' > "$site"/config/config.php
pool=$(ls -d "$ROOT"/etc/php/*/fpm/pool.d | head -n 1)/www.conf
sed -i 's|^listen = .*|listen = 127.0.0.1:9000|; s|^;*catch_workers_output.*|catch_workers_output = yes|' "$pool"
fpm=$(basename "$(ls "$ROOT"/usr/sbin/php-fpm* | head -n 1)")
version=${fpm#php-fpm}
sed -i "s|^;*error_log = .*|error_log = /dev/stderr|; s|^;*daemonize = .*|daemonize = no|" "$ROOT/etc/php/$version/fpm/php-fpm.conf"
mkdir -p "$ROOT"/run/php
cat > "$ROOT"/entrypoint.sh <<SH
#!/bin/sh
set -e
cp -rn /usr/src/site/. /var/www/html/
exec /usr/sbin/$fpm --nodaemonize
SH
chmod 0755 "$ROOT"/entrypoint.sh
