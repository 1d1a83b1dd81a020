#[path = "../tests/world/mod.rs"]
mod world;
#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let pki = world::tls::pki();
    let mut config = world::config(folder.path());
    config.tls = Some(pki.server.clone());
    let server = apiserver::ApiServer::start(config).await.unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    std::fs::write("/tmp/b/tgt-api/play.kubeconfig", pki.kubeconfig(port)).unwrap();
    println!("port {port}");
    server.serve(listener).await.unwrap();
}
