/** The API server's URL and a client's credentials. */
export interface KubeconfigSpec {
  readonly server: string;
  readonly clusterName: string;
  /** PEM. */
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/** A self-contained kubeconfig that names no other file. It is JSON, which is also YAML. */
export function kubeconfig({ server, clusterName, ca, certificate, key }: KubeconfigSpec): string {
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: clusterName, cluster: { server, "certificate-authority-data": base64(ca) } }],
    users: [
      {
        name: clusterName,
        user: { "client-certificate-data": base64(certificate), "client-key-data": base64(key) },
      },
    ],
    contexts: [{ name: clusterName, context: { cluster: clusterName, user: clusterName } }],
    "current-context": clusterName,
  };
  return `${JSON.stringify(config, undefined, 2)}\n`;
}

function base64(text: string): string {
  return Buffer.from(text, "utf8").toString("base64");
}
